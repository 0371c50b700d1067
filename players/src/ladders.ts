/** The choices of qualities that a form offers. Pure. */
import type { Ladder } from './api.ts';

export const LADDERS: Record<string, { words: string; value: Ladder }> = {
  auto: { words: 'Automatic: source and smaller', value: 'auto' },
  passthrough: { words: 'Source only, no encoding', value: 'passthrough' },
  hd: { words: '720p and 480p', value: ['720p', '480p'] },
  small: { words: '480p and 360p', value: ['480p', '360p'] },
};

/** The choice that this ladder is; null for one that was made by the API and is none of ours. */
export function ladderChoice(ladder: Ladder | null | undefined): string | null {
  const wanted = JSON.stringify(ladder ?? 'auto');
  return Object.keys(LADDERS).find((key) => JSON.stringify(LADDERS[key]?.value) === wanted) ?? null;
}

export function ladderWords(ladder: Ladder): string {
  return Array.isArray(ladder) ? ladder.join(', ') : ladder;
}
