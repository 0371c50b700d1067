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
  expect(watch.look({ ...still, picture: false, now_s: 11 }).frozen).toBe(false);
  expect(watch.look({ ...still, picture: false, now_s: 12.1 }).frozen).toBe(true);
});

it('begins anew after something was done, and while nothing is expected', () => {
  const watch = new FreezeWatch();
  watch.look({ ...still, now_s: 0 });
  watch.rest(3);
  expect(watch.look({ ...still, now_s: 6 }).frozen).toBe(false);
  watch.look({ ...still, expected: false, now_s: 20 });
  expect(watch.look({ ...still, now_s: 23 }).frozen).toBe(false);
});
