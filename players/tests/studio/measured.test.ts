import { describe, expect, it } from 'vitest';
import { readMeasured } from '../../src/studio/measured.ts';

describe('what is measured of a stream', () => {
  it('is read with everything in it', () => {
    const measured = readMeasured({
      at: '2026-01-01T00:00:00Z',
      state: 'live',
      input_bps: 3e6,
      fps: 25,
      keyframe_interval_s: 2,
      timestamp_corrections: 1,
      latency_s: 0.3,
      viewers: { total: 5, hls: 3, dash: 2 },
      bytes_out: 1000,
      dropped_units: 0,
      renditions: [{ name: '480p', encoder: 'libx264', speed: 1.7, state: 'encoded', part_lateness_s: 0.02, bitrate_bps: 1e6 }],
      worker: { state: 'running', restarts: 2, pid: 7 },
    });
    expect(measured).toMatchObject({ input_bps: 3e6, fps: 25, viewers_total: 5, viewers: { hls: 3, dash: 2 } });
    expect(measured.renditions).toEqual([
      { name: '480p', encoder: 'libx264', speed: 1.7, state: 'encoded', part_lateness_s: 0.02, bitrate_bps: 1e6 },
    ]);
    expect(measured.worker).toEqual({ state: 'running', restarts: 2 });
  });

  it.each([undefined, null, 'no', 7, [], {}, { renditions: 'x', viewers: 3.5, worker: null, fps: {} }])(
    'is empty where nothing sensible is said: %j',
    (answer) => {
      const measured = readMeasured(answer);
      expect(measured.renditions).toEqual([]);
      expect(measured.input_bps).toBeNull();
      expect(measured.fps).toBeNull();
      expect(measured.worker).toBeNull();
    },
  );

  it('takes the fastest of several pictures', () => expect(readMeasured({ fps: { 1: 25, 3: 50 } }).fps).toBe(50));
  it('takes a count of viewers alone', () => expect(readMeasured({ viewers: 4 }).viewers_total).toBe(4));
  it('takes no number that is none', () => expect(readMeasured({ latency_s: Number.NaN }).latency_s).toBeNull());
  it('reads a state with an underscore', () =>
    expect(readMeasured({ renditions: [{ name: 'a', state: 'given_up' }] }).renditions[0]?.state).toBe('given up'));
});

it('knows no lateness while nobody sends', () => {
  const renditions = [{ name: 'source', part_lateness_s: 0.06 }];
  expect(readMeasured({ state: 'live', renditions }).renditions[0]?.part_lateness_s).toBe(0.06);
  expect(readMeasured({ state: 'interrupted', renditions }).renditions[0]?.part_lateness_s).toBeNull();
});
