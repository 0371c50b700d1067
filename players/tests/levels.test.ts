import { expect, it } from 'vitest';
import { listedLevels } from '../src/levels.ts';
import { readMaster } from '../src/m3u8.ts';

const level = (index: number, rendition: string, height: number) => ({
  index,
  rendition,
  width: (height * 16) / 9,
  height,
  frameRate: 30,
  bitrate_bps: height * 3000,
});
const LEVELS = [level(0, '360p', 360), level(1, '480p', 480), level(2, 'source', 720)];

it('says what the master says now, of what is still listed, under the same numbers', () => {
  const { variants } = readMaster(
    '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1200000,AVERAGE-BANDWIDTH=900000,RESOLUTION=640x360,FRAME-RATE=25.000\nsource/media.m3u8\n',
  );
  expect(listedLevels(LEVELS, variants)).toEqual([
    { index: 2, rendition: 'source', width: 640, height: 360, frameRate: 25, bitrate_bps: 900_000 },
  ]);
});

it('is what the library says while nothing else is known', () => {
  expect(listedLevels(LEVELS, null)).toBe(LEVELS);
  expect(listedLevels(LEVELS, readMaster('').variants)).toBe(LEVELS);
  expect(listedLevels([], readMaster('').variants)).toEqual([]);
});
