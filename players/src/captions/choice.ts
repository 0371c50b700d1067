/** Which captions a viewer gets who has chosen some before. Pure. */
import type { TextRendition } from '../m3u8.ts';

export interface CaptionChoice {
  language: string;
  name: string;
}

/** Index of the rendition that is meant, or else of its language; -1 for none. */
export function chosenCaption(renditions: readonly TextRendition[], choice: CaptionChoice | null): number {
  if (!choice) return -1;
  const exact = renditions.findIndex(({ language, name }) => language === choice.language && name === choice.name);
  if (exact >= 0 || choice.language === '') return exact;
  return renditions.findIndex(({ language }) => language.split('-', 1)[0] === choice.language.split('-', 1)[0]);
}
