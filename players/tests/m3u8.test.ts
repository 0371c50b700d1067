import { expect, it } from 'vitest';
import { attributesOf, offersMore, readMaster, withOffersOf } from '../src/m3u8.ts';

const MASTER = `#EXTM3U
#EXT-X-VERSION:10
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="English, mixed",LANGUAGE="en",DEFAULT=YES,URI="audio/media.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="Deutsch",LANGUAGE="de",URI="audio-4/media.m3u8"
#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="s",NAME="English",LANGUAGE="en",URI="captions/media.m3u8"
#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="cc",NAME="CC1",INSTREAM-ID="CC1"
#EXT-X-STREAM-INF:BANDWIDTH=2800000,CODECS="avc1.64001f,mp4a.40.2",AUDIO="a"
source/media.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=1300000,CODECS="avc1.4d401e,mp4a.40.2",AUDIO="a"
480p/media.m3u8
`;

it('reads attributes with and without quotes, commas inside quotes', () => {
  expect(attributesOf('A=1,NAME="one, two",X-B=YES,EMPTY=""')).toEqual({ A: '1', NAME: 'one, two', 'X-B': 'YES', EMPTY: '' });
});

it('finds the captions that have a playlist, and everything to see and hear', () => {
  const { captions, offers } = readMaster(MASTER);
  expect(captions).toEqual([{ name: 'English', language: 'en', uri: 'captions/media.m3u8' }]);
  expect([...offers]).toEqual(['audio/media.m3u8', 'audio-4/media.m3u8', 'source/media.m3u8', '480p/media.m3u8']);
});

it('is no reason to begin anew when a bitrate changes, a rung goes or captions come', () => {
  const before = readMaster(MASTER);
  expect(offersMore(before, readMaster(MASTER.replace('2800000', '3000000')))).toBe(false);
  expect(offersMore(before, readMaster(MASTER.split('#EXT-X-STREAM-INF:BANDWIDTH=13')[0]!))).toBe(false);
  const captions = MASTER.replace('#EXT-X-VERSION:10', '#EXT-X-MEDIA:TYPE=SUBTITLES,NAME="Ja",URI="captions-ja/media.m3u8"');
  expect(offersMore(before, readMaster(captions))).toBe(false);
});

it('is one when there is a picture where only sound was', () => {
  const soundOnly = readMaster('#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\naudio/media.m3u8\n');
  expect(offersMore(soundOnly, readMaster(MASTER))).toBe(true);
});

function ladder(...heights: [name: string, height: number][]) {
  const lines = heights.map(
    ([name, height]) => `#EXT-X-STREAM-INF:BANDWIDTH=${height * 3000},RESOLUTION=${(height * 16) / 9}x${height}\n${name}/media.m3u8\n`,
  );
  return readMaster(`#EXTM3U\n${lines.join('')}`);
}

it('is none when the source returns smaller, with a small rung in the place of others, or as it was again', () => {
  const whole = ladder(['source', 720], ['480p', 480], ['360p', 360]);
  const small = ladder(['source', 360], ['240p', 240]);
  expect(offersMore(whole, small)).toBe(false);
  const known = withOffersOf(whole, small);
  expect(known.variants).toBe(small.variants);
  expect(offersMore(known, whole)).toBe(false);
  expect(offersMore(whole, ladder(['source', 720], ['sd', 480], ['360p', 360]))).toBe(false);
});

it('is one when there are larger pictures, or more of them', () => {
  const small = ladder(['source', 360], ['240p', 240]);
  expect(offersMore(small, ladder(['source', 1080], ['720p', 720]))).toBe(true);
  expect(offersMore(ladder(['source', 720]), ladder(['source', 720], ['360p', 360]))).toBe(true);
});

it('reads what each quality is', () => {
  const { variants } = readMaster(MASTER);
  expect([...variants.keys()]).toEqual(['source', '480p']);
  expect(variants.get('480p')).toEqual({ width: 0, height: 0, frameRate: 0, bitrate_bps: 1_300_000 });
});
