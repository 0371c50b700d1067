import { expect, it } from 'vitest';
import { GRAPHS, graphText } from '../../src/studio/graphs.ts';
import { readMeasured } from '../../src/studio/measured.ts';

const measured = readMeasured({
  input_bps: 3_000_000,
  viewers: { total: 5, hls: 3 },
  renditions: [
    { name: 'source', bitrate_bps: 2_500_000, part_lateness_s: 0.004 },
    { name: '480p', speed: 1.5, bitrate_bps: 1_000_000 },
  ],
});
const lines = (id: string) => GRAPHS.find((graph) => graph.id === id)?.lines(measured);

it('draws what was measured in its unit', () => {
  expect(lines('bitrate')).toEqual({ input: 3, source: 2.5, '480p': 1 });
  expect(lines('speed')).toEqual({ '480p': 1.5 });
  expect(lines('viewers')).toEqual({ all: 5, HLS: 3 });
  expect(lines('lateness')).toEqual({ source: 4, '480p': null });
  expect(lines('fps')).toEqual({ input: null });
});

it('can be heard', () => {
  expect(graphText(GRAPHS[0]!, [['input', 3], ['480p', null]])).toBe('Bitrate, Mbit/s: input 3.00');
  expect(graphText(GRAPHS[0]!, [])).toBe('Bitrate, Mbit/s: nothing measured yet');
});
