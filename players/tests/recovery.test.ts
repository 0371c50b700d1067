import { describe, expect, it } from 'vitest';
import { Recovery } from '../src/recovery.ts';

const MIDDLE = 0.5;

describe('what is done about a fault', () => {
  it('asks again for a stream that is not there, ever more slowly, but at least every six seconds', () => {
    const recovery = new Recovery();
    const remedies = Array.from({ length: 12 }, (_, index) => recovery.fault('manifest', index, MIDDLE));
    expect(remedies.every((remedy) => remedy.action === 'restart')).toBe(true);
    expect(remedies[0]!.delay_ms).toBeLessThanOrEqual(300);
    expect(remedies[3]!.delay_ms).toBeGreaterThan(remedies[0]!.delay_ms);
    expect(Math.max(...remedies.map((remedy) => remedy.delay_ms))).toBeLessThanOrEqual(6000);
  });

  it('renews the decoder at once, and begins anew when that did not help twice', () => {
    const recovery = new Recovery();
    expect(recovery.fault('media', 0, MIDDLE)).toEqual({ action: 'renew-media', delay_ms: 0 });
    expect(recovery.fault('media', 1, MIDDLE).action).toBe('renew-media');
    expect(recovery.fault('media', 2, MIDDLE).action).toBe('restart');
  });

  it('loads on after a network fault, and begins anew after the third', () => {
    const recovery = new Recovery();
    const actions = [0, 1, 2].map((now_s) => recovery.fault('network', now_s, MIDDLE).action);
    expect(actions).toEqual(['resume', 'resume', 'restart']);
  });

  it('nudges a frozen picture once before it begins anew', () => {
    const recovery = new Recovery();
    expect(recovery.fault('frozen', 0, MIDDLE)).toEqual({ action: 'resume', delay_ms: 0 });
    expect(recovery.fault('frozen', 7, MIDDLE).action).toBe('restart');
  });

  it('begins anew for what it does not know', () => {
    expect(new Recovery().fault('other', 0, MIDDLE).action).toBe('restart');
  });
});

it('asks at least every two seconds while a server restarts, and seldom after a minute', () => {
  const recovery = new Recovery();
  const delays = Array.from({ length: 50 }, (_, index) => recovery.fault('manifest', index * 2, 1).delay_ms);
  expect(Math.max(...delays.slice(0, 30))).toBeLessThanOrEqual(2000);
  expect(delays.at(-1)).toBeGreaterThan(5000);
});

it('forgets a trouble that is over', () => {
  const recovery = new Recovery();
  recovery.fault('media', 0, MIDDLE);
  recovery.fault('media', 1, MIDDLE);
  recovery.healed(10);
  expect(recovery.faults).toBe(2);
  recovery.healed(30);
  expect(recovery.faults).toBe(0);
  expect(recovery.fault('media', 31, MIDDLE)).toEqual({ action: 'renew-media', delay_ms: 0 });
});

it('spreads many pages over time', () => {
  const delays = [0, 0.5, 1].map((random) => {
    const recovery = new Recovery();
    recovery.fault('manifest', 0, random);
    return recovery.fault('manifest', 1, random).delay_ms;
  });
  expect(new Set(delays).size).toBe(3);
});
