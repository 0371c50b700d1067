import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Poller, backOff_ms } from '../src/poll.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('backing off', () => {
  it('doubles up to half a minute', () => {
    expect([1, 2, 3, 4].map((failures) => backOff_ms(failures, 0.5))).toEqual([1000, 2000, 4000, 8000]);
    expect(backOff_ms(50, 0.5)).toBe(30_000);
  });
  it('waits no longer than it was told', () => expect(backOff_ms(50, 0.5, 4000)).toBe(4000));
  it('scatters by a quarter', () => {
    expect(backOff_ms(2, 0)).toBe(1500);
    expect(backOff_ms(2, 1)).toBe(2500);
  });
});

describe('asking again and again', () => {
  it('asks at once, then after the pause that the asker wants', async () => {
    const ask = vi.fn(async () => 3000);
    const poller = new Poller(ask);
    poller.start();
    await vi.advanceTimersByTimeAsync(0);
    expect(ask).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(2999);
    expect(ask).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(ask).toHaveBeenCalledTimes(2);
    poller.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ask).toHaveBeenCalledTimes(2);
  });

  it('waits longer after failures, and recovers', async () => {
    let broken = true;
    const ask = vi.fn(async () => {
      if (broken) throw new Error('away');
      return 1000;
    });
    const poller = new Poller(ask);
    poller.start();
    await vi.advanceTimersByTimeAsync(60_000);
    const asked = ask.mock.calls.length;
    expect(asked).toBeLessThan(10);
    broken = false;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ask.mock.calls.length).toBeGreaterThan(asked + 20);
    poller.stop();
  });

  it('never asks twice at the same time', async () => {
    let running = 0;
    let most = 0;
    const poller = new Poller(async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, 500));
      running -= 1;
      return 100;
    });
    poller.start();
    for (let index = 0; index < 10; index += 1) {
      poller.now();
      await vi.advanceTimersByTimeAsync(130);
    }
    expect(most).toBe(1);
    poller.stop();
  });
});
