import { expect, it } from 'vitest';
import type { DatedCue } from '../../src/captions/feed.ts';
import { pieceOf } from '../../src/captions/joining.ts';

const cue = (from_ms: number, to_ms: number, text = 'Hello', line_percent: number | null = null): DatedCue => ({
  from_ms,
  to_ms,
  text,
  line_percent,
  position_percent: null,
  align: null,
  open: true,
});
const known = [cue(0, 1000), cue(1000, 2000, 'World')];

it('lengthens the cue that a piece goes on with', () => expect(pieceOf(known, cue(2001, 2250, 'World'))).toBe(known[1]));
it('knows a cue that comes again', () => expect(pieceOf(known, cue(0, 1000))).toBe(known[0]));
it('takes the same words later for new words', () => expect(pieceOf(known, cue(5000, 6000))).toBeNull());
it('takes other words for new words', () => expect(pieceOf(known, cue(1000, 1250, 'There'))).toBeNull());
it('takes the same words elsewhere for new words', () => expect(pieceOf(known, cue(1000, 1250, 'Hello', 10))).toBeNull());
