/** A library's qualities as the server lists them now. Pure. */
import type { Level } from './engines/engine.ts';
import type { Variant } from './m3u8.ts';

/**
 * A library reads the master playlist once; when the broadcaster returns with another picture, the same addresses
 * carry other sizes, and some are listed no more. `variants`: what the master says now, null where it is not known.
 */
export function listedLevels(levels: readonly Level[], variants: ReadonlyMap<string, Variant> | null): readonly Level[] {
  const listed = levels.flatMap((level) => {
    const variant = level.rendition === null ? undefined : variants?.get(level.rendition);
    return variant ? [{ ...level, ...variant }] : [];
  });
  return listed.length > 0 ? listed : levels;
}
