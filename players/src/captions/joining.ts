/** Puts the pieces of a cue together again. Pure. */
import type { DatedCue } from './feed.ts';

/** Pieces follow each other exactly but for rounding to milliseconds. */
const SEAM_MS = 60;

/** `known` is what is there already: the answer is a cue of `known` to lengthen, or null for a cue that is new. */
export function pieceOf<Known extends DatedCue>(known: readonly Known[], cue: DatedCue): Known | null {
  return (
    known.findLast(
      (each) =>
        each.text === cue.text &&
        each.line_percent === cue.line_percent &&
        each.position_percent === cue.position_percent &&
        each.from_ms <= cue.from_ms + SEAM_MS &&
        cue.from_ms <= each.to_ms + SEAM_MS,
    ) ?? null
  );
}
