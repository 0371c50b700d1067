/** What the player's menus offer, in words. Pure. */
import type { Rendition } from './api.ts';
import type { Section } from './elements/choice-menu.ts';
import type { AudioTrack, Level } from './engines/engine.ts';
import { bitrateText, languageName, rungName } from './format.ts';
import type { TextRendition } from './m3u8.ts';

export interface Offered {
  levels: readonly Level[];
  /** The server's own list: it says which one is the source as it came. */
  renditions: readonly Rendition[];
  chosen: number;
  current: number;
  /** What is on the screen, in pixels; 0 where nothing is. */
  picture: { width: number; height: number };
  audioTracks: readonly AudioTrack[];
  audioTrack: number;
  statistics: boolean;
}

export const AUTO = -1;
export const OFF = -1;

/** The sections of the menu, and the name of the quality on the screen. */
export function qualitySections(offered: Offered): { current: string; sections: Section[] } {
  const qualities = offered.levels
    .map((level) => ({
      value: level.index,
      height: level.height,
      bitrate_bps: level.bitrate_bps,
      name: rungName(
        { name: level.rendition, height: level.height, width: level.width, frameRate: level.frameRate },
        offered.renditions.find(({ name }) => name === level.rendition),
      ),
      detail: bitrateText(level.bitrate_bps),
    }))
    .sort((a, b) => b.bitrate_bps - a.bitrate_bps);
  const { picture } = offered;
  // One that is listed no more is still played, and shows what another one shows.
  const shown =
    qualities.find(({ value }) => value === offered.current) ??
    (offered.current < 0 ? undefined : qualities.find(({ height }) => height > 0 && height === picture.height));
  const unlisted = offered.current < 0 || picture.height === 0 ? '' : rungName({ name: null, frameRate: 0, ...picture }, undefined);
  const current = shown?.name ?? unlisted;
  const auto = { value: AUTO, name: 'Auto', detail: offered.chosen === AUTO ? current : '' };
  const sections: Section[] = [
    { id: 'quality', heading: 'Quality', choices: [auto, ...qualities.map(({ value, name, detail }) => ({ value, name, detail }))], chosen: offered.chosen },
  ];
  if (offered.audioTracks.length > 1) {
    sections.push({
      id: 'sound',
      heading: 'Sound',
      choices: offered.audioTracks.map(({ index, name, language }) => named(index, name, language)),
      chosen: offered.audioTrack,
    });
  }
  sections.push({
    id: 'statistics',
    heading: 'Statistics',
    choices: [],
    chosen: offered.statistics ? 1 : 0,
    toggle: { key: 'i' },
  });
  return { current, sections };
}

export function qualityLabel(chosen: number, current: string): string {
  return `Quality: ${chosen < 0 ? `automatic, now ${current || 'choosing'}` : current}`;
}

export function captionSections(renditions: readonly TextRendition[], chosen: number): Section[] {
  const choices = renditions.map(({ name, language }, index) => named(index, name, language));
  return [{ id: 'captions', heading: 'Captions', choices: [{ value: OFF, name: 'Off' }, ...choices], chosen }];
}

/** The broadcaster's name for it, and beside it the language where the name does not say it already. */
function named(value: number, name: string, language: string): { value: number; name: string; detail: string } {
  const inWords = languageName(language);
  const shown = name || inWords;
  const told = shown.toLowerCase().includes(inWords.toLowerCase());
  return { value, name: shown, detail: told ? '' : inWords };
}
