import { expect, it } from 'vitest';
import { readTextPlaylist } from '../../src/captions/playlist.ts';

const PLAYLIST = `#EXTM3U
#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.75
#EXT-X-PART-INF:PART-TARGET=0.25
#EXT-X-MEDIA-SEQUENCE:7
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000Z
#EXTINF:2,
e-7.vtt
#EXT-X-GAP
#EXTINF:2,
e-8.vtt
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:04.000Z
#EXT-X-PART:DURATION=1,URI="e-9.0.vtt",INDEPENDENT=YES
#EXT-X-PART:DURATION=1,URI="e-9.1.vtt",INDEPENDENT=YES
#EXTINF:2,
e-9.vtt
#EXT-X-PART:DURATION=0.25,URI="e-10.0.vtt",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.25,URI="e-10.1.vtt",GAP=YES
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="e-10.2.vtt"
`;
const at = (seconds: number) => Date.UTC(2026, 0, 1) + seconds * 1000;

it('has parts where there are parts, segments where not, gaps nowhere, each with its date', () => {
  expect(readTextPlaylist(PLAYLIST)?.documents).toEqual([
    { uri: 'e-7.vtt', at_ms: at(0), duration_s: 2 },
    { uri: 'e-9.0.vtt', at_ms: at(4), duration_s: 1 },
    { uri: 'e-9.1.vtt', at_ms: at(5), duration_s: 1 },
    { uri: 'e-10.0.vtt', at_ms: at(6), duration_s: 0.25 },
  ]);
});

it('knows what to ask for next', () => {
  expect(readTextPlaylist(PLAYLIST)).toMatchObject({ next: { msn: 10, part: 2 }, blocks: true, target_s: 2, ended: false });
});

it('is over at its end', () => {
  expect(readTextPlaylist(`${PLAYLIST}#EXT-X-ENDLIST\n`)?.ended).toBe(true);
});

it.each(['', '<html></html>', PLAYLIST.replaceAll(/#EXT-X-PROGRAM.*\n/g, '')])('is none without a head and dates', (text) => {
  expect(readTextPlaylist(text)).toBeNull();
});
