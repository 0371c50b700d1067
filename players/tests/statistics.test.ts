import { expect, it } from 'vitest';
import { bufferAhead_s } from '../src/buffer.ts';
import { latencyBehind_s } from '../src/statistics.ts';

it.each([
  ['by the dates where clocks agree', 9_000, 10_000, 0.8, 1],
  ['by the distance where this clock is behind', 11_000, 10_000, 0.8, 0.8],
  ['by the distance where it is far ahead', 1_000, 10_000, 0.8, 0.8],
  ['by the distance where there are no dates', null, 10_000, 0.8, 0.8],
])('latency: %s', (_words, shown_at_ms, now_ms, distance_s, latency_s) => {
  expect(latencyBehind_s(shown_at_ms, now_ms, distance_s)).toBe(latency_s);
});

it('counts the media after the picture, not what lies behind a hole', () => {
  const ranges: [number, number][] = [[0, 5], [8, 10]];
  const buffered = { length: 2, start: (index: number) => ranges[index]![0], end: (index: number) => ranges[index]![1] };
  expect(bufferAhead_s({ buffered, currentTime: 3 })).toBe(2);
  expect(bufferAhead_s({ buffered, currentTime: 6 })).toBe(0);
  expect(bufferAhead_s({ buffered, currentTime: 7.97 })).toBeCloseTo(2.03);
});
