import { afterEach, expect, it, vi } from 'vitest';
import { CaptionFeed, type DatedCue } from '../../src/captions/feed.ts';

const START_MS = Date.UTC(2026, 0, 1);
const HEAD = '#EXTM3U\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES\n#EXT-X-MEDIA-SEQUENCE:3\n#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00Z\n';
const part = (index: number) => `#EXT-X-PART:DURATION=0.5,URI="t-3.${index}.vtt"\n`;

afterEach(() => vi.unstubAllGlobals());

/** A server that has the answers of `bodies`, by the end of the address, and then only silence. */
function serve(bodies: Record<string, string>): string[] {
  const asked: string[] = [];
  vi.stubGlobal('fetch', (url: string) => {
    asked.push(url);
    const end = Object.keys(bodies).find((each) => url.endsWith(each));
    return end === undefined ? new Promise(() => undefined) : Promise.resolve(new Response(bodies[end]));
  });
  return asked;
}

it('asks for the next part, reads each document once, and gives its cues their dates', async () => {
  const asked = serve({
    'media.m3u8': HEAD + part(0),
    'media.m3u8?_HLS_msn=3&_HLS_part=1': HEAD + part(0) + part(1),
    't-3.0.vtt': 'WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:10.000,MPEGTS:0\n\n00:10.100 --> 00:10.500\nHel',
    't-3.1.vtt': 'WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:10.500,MPEGTS:0\n\n00:10.500 --> 00:10.700\nlo',
  });
  const seen: DatedCue[] = [];
  const untils: number[] = [];
  const feed = new CaptionFeed('http://media.example/live/x/captions/media.m3u8', (cues, until_ms) => {
    seen.push(...cues);
    untils.push(until_ms);
  });
  await vi.waitFor(() => expect(seen).toHaveLength(2));
  feed.stop();
  expect(seen).toMatchObject([
    { from_ms: START_MS + 100, to_ms: START_MS + 500, text: 'Hel', open: true },
    { from_ms: START_MS + 500, to_ms: START_MS + 700, text: 'lo', open: false },
  ]);
  expect(untils).toEqual([START_MS + 500, START_MS + 1000]);
  expect(asked.filter((url) => url.endsWith('t-3.0.vtt'))).toHaveLength(1);
});

it('goes on without a document that is not there', async () => {
  serve({ 'media.m3u8': HEAD + part(0) + part(1), 't-3.1.vtt': 'WEBVTT\n\n00:00.000 --> 00:00.500\nhere' });
  const original = fetch;
  vi.stubGlobal('fetch', (url: string) =>
    url.endsWith('t-3.0.vtt') ? Promise.resolve(new Response('', { status: 404 })) : original(url),
  );
  const seen: DatedCue[] = [];
  const feed = new CaptionFeed('http://media.example/x/media.m3u8', (cues) => seen.push(...cues));
  await vi.waitFor(() => expect(seen.map(({ text }) => text)).toEqual(['here']));
  feed.stop();
});
