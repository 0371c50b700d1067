import { expect, it } from 'vitest';
import { FreezeWatch } from '../src/freeze.ts';

const still = { at_s: 7, expected: true, picture: true };

it('has patience of four seconds with a picture that has moved', () => {
  const watch = new FreezeWatch();
  expect(watch.look({ ...still, now_s: 0 })).toEqual({ moved: true, frozen: false });
  expect(watch.look({ ...still, now_s: 4 })).toEqual({ moved: false, frozen: false });
  expect(watch.look({ ...still, now_s: 4.1 }).frozen).toBe(true);
});

it('has more with one that has not begun', () => {
  const watch = new FreezeWatch();
  watch.look({ ...still, picture: false, now_s: 0 });
  expect(watch.look({ ...still, picture: false, now_s: 4.9 }).frozen).toBe(false);
  expect(watch.look({ ...still, picture: false, now_s: 5.1 }).frozen).toBe(true);
});

it('begins anew after something was done, and while nothing is expected', () => {
  const watch = new FreezeWatch();
  watch.look({ ...still, now_s: 0 });
  watch.rest(3);
  expect(watch.look({ ...still, now_s: 6 }).frozen).toBe(false);
  watch.look({ ...still, expected: false, now_s: 20 });
  expect(watch.look({ ...still, now_s: 23 }).frozen).toBe(false);
});

it('gives each freeze twice the patience, until the picture moves', () => {
  const watch = new FreezeWatch();
  const frozenAt: number[] = [];
  for (let now_s = 0; now_s < 40; now_s += 0.5) if (watch.look({ ...still, now_s }).frozen) frozenAt.push(now_s);
  expect(frozenAt).toEqual([4.5, 13, 29.5]);
  watch.look({ ...still, at_s: 8, now_s: 40 });
  expect(watch.look({ ...still, at_s: 8, now_s: 44.5 }).frozen).toBe(true);
});
