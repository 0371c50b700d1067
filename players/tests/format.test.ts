import { describe, expect, it } from 'vitest';
import type { Rendition } from '../src/api.ts';
import { bitrateText, countText, elapsedText, nameFromTitle, rungName, viewersText } from '../src/format.ts';

it('counts viewers', () => {
  expect(viewersText(0)).toBe('0 watching');
  expect(viewersText(1)).toBe('1 watching');
  expect(countText(9_999)).toBe('9,999');
  expect(countText(12_840)).toBe('12.8k');
  expect(countText(123_456)).toBe('123k');
});

it('tells bitrates', () => {
  expect(bitrateText(2_650_000)).toBe('2.6 Mbit/s');
  expect(bitrateText(800_000)).toBe('800 kbit/s');
  expect(bitrateText(null)).toBe('');
});

it('tells how long something runs', () => {
  const start = '2030-01-01T00:00:00Z';
  const after = (seconds: number) => elapsedText(start, Date.parse(start) + seconds * 1000);
  expect(after(48)).toBe('48 s');
  expect(after(12 * 60)).toBe('12 min');
  expect(after(3 * 3600 + 5 * 60)).toBe('3 h 05 min');
  // The server's clock may be ahead.
  expect(after(-5)).toBe('0 s');
  expect(elapsedText(null, 0)).toBe('');
  expect(elapsedText('nonsense', 0)).toBe('');
});

describe('names of qualities', () => {
  const source: Rendition = { name: 'source', codecs: '', width: 1920, height: 1080, bitrate_bps: 1, passthrough: true };
  it('say the lines, the rate above 33, and which is the source', () => {
    expect(rungName({ name: 'source', width: 1920, height: 1080, frameRate: 60 }, source)).toBe('1080p60 source');
    expect(rungName({ name: '720p', width: 1280, height: 720, frameRate: 30 }, undefined)).toBe('720p');
  });
  it('count the short side of a portrait picture', () => {
    expect(rungName({ name: '720p', width: 720, height: 1280, frameRate: 30 }, undefined)).toBe('720p');
  });
  it('use what the server says where the playlist says nothing', () => {
    expect(rungName({ name: 'source', width: 0, height: 0, frameRate: 0 }, source)).toContain('source');
    expect(rungName({ name: null, width: 0, height: 0, frameRate: 0 }, undefined)).toBe('Video');
  });
});

it.each([
  ['Sunday Concert!', 'sunday-concert'],
  ['Café — Übung', 'cafe-ubung'],
  ['  --  ', ''],
  ['日本', ''],
  ['x'.repeat(80), 'x'.repeat(64)],
])('makes an address from the title %j', (title, name) => {
  expect(nameFromTitle(title)).toBe(name);
});
