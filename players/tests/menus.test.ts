import { expect, it } from 'vitest';
import { captionSections, qualityLabel, qualitySections, type Offered } from '../src/menus.ts';

const level = (index: number, rendition: string, height: number, bitrate_bps: number) => ({
  index,
  rendition,
  width: (height * 16) / 9,
  height,
  frameRate: 25,
  bitrate_bps,
});
const offered: Offered = {
  levels: [level(0, '360p', 360, 800_000), level(1, 'source', 720, 2_500_000)],
  renditions: [],
  chosen: -1,
  current: 0,
  picture: { width: 640, height: 360 },
  audioTracks: [{ index: 0, name: 'Main', language: 'en' }],
  audioTrack: 0,
  statistics: false,
};

it('offers the best quality first, and says what automatic has chosen', () => {
  const { current, sections } = qualitySections(offered);
  expect(current).toBe('360p');
  expect(sections[0]?.choices.map(({ name, detail }) => [name, detail])).toEqual([
    ['Auto', '360p'],
    ['720p source', '2.5 Mbit/s'],
    ['360p', '800 kbit/s'],
  ]);
  expect(qualityLabel(-1, current)).toBe('Quality: automatic, now 360p');
  expect(qualityLabel(1, '720p source')).toBe('Quality: 720p source');
});

it('offers sounds only where there is a choice', () => {
  expect(qualitySections(offered).sections.map(({ id }) => id)).toEqual(['quality', 'statistics']);
  const audioTracks = [...offered.audioTracks, { index: 1, name: 'Deutsch', language: 'de' }];
  const sound = qualitySections({ ...offered, audioTracks, audioTrack: 1 }).sections[1];
  expect(sound).toMatchObject({ id: 'sound', chosen: 1 });
  expect(sound?.choices.map(({ name, detail }) => [name, detail])).toEqual([
    ['Main', 'English'],
    ['Deutsch', 'German'],
  ]);
});

it('offers captions with a way to have none', () => {
  const [section] = captionSections([{ name: '', language: 'en', uri: 'x' }], -1);
  expect(section?.choices).toEqual([{ value: -1, name: 'Off' }, { value: 0, name: 'English', detail: '' }]);
});

it('names a quality that is listed no more by what is on the screen', () => {
  const gone = { ...offered, current: 7 };
  expect(qualitySections(gone).current).toBe('360p');
  expect(qualitySections({ ...gone, levels: [level(1, 'source', 360, 900_000)] }).current).toBe('360p source');
  expect(qualitySections({ ...gone, picture: { width: 426, height: 240 } }).current).toBe('240p');
  expect(qualitySections({ ...gone, picture: { width: 0, height: 0 } }).current).toBe('');
});
