import { expect, it } from 'vitest';
import { nobodyWords } from '../../src/studio/nobody.ts';

it('promises nothing to a key that is barred, and says what viewers see until when', () => {
  expect(nobodyWords('interrupted', { barred_s: 41.2, grace_left_s: 58.4 })).toEqual([
    'Nobody is sending. The publisher was thrown out: its key is barred for 42 s more, or until you make a new key.',
    'Viewers see that it goes on soon for 59 s more; then the broadcast is over.',
  ]);
});

it('else waits for the key', () => {
  const [publisher, viewers] = nobodyWords('ended', { barred_s: 0, grace_left_s: null });
  expect(publisher).toContain('it begins by itself');
  expect(viewers).toContain('has ended');
  expect(nobodyWords('offline', null)[1]).toContain('starts soon');
});
