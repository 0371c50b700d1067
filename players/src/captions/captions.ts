/** Captions on one video element: which there are, which is chosen, and the words at their time. */
import { withSession } from '../address.ts';
import type { TextRendition } from '../m3u8.ts';
import { captionChoice } from '../session.ts';
import { chosenCaption } from './choice.ts';
import { CaptionFeed, type DatedCue } from './feed.ts';
import { pieceOf } from './joining.ts';

/** Further back than this nobody steps. */
const KEPT_MS = 120_000;

/** A cue that goes on stays so much longer, so that a next piece that comes late does not make it blink. */
const GRACE_MS = 600;
const ROUNDING_MS = 20;

interface ShownCue extends DatedCue {
  cue: VTTCue;
}

export class Captions {
  readonly #video: HTMLVideoElement;
  readonly #session: string;
  readonly #shown_at_ms: () => number | null;
  #renditions: TextRendition[] = [];
  #base = '';
  #chosen = -1;
  #last = 0;
  #feed: CaptionFeed | null = null;
  #track: TextTrack | null = null;
  #cues: ShownCue[] = [];
  #waiting: DatedCue[] = [];

  /** `shown_at_ms`: the stream's date of the picture on the screen, Unix milliseconds. */
  constructor(video: HTMLVideoElement, session: string, shown_at_ms: () => number | null) {
    this.#video = video;
    this.#session = session;
    this.#shown_at_ms = shown_at_ms;
  }

  get renditions(): readonly TextRendition[] {
    return this.#renditions;
  }
  /** Index of `renditions`, -1 for none. */
  get chosen(): number {
    return this.#chosen;
  }

  /** What a master playlist at `base` offers. The viewer's last choice is found again in it. */
  offer(renditions: TextRendition[], base: string): void {
    const before = this.#renditions[this.#chosen]?.uri;
    this.#renditions = renditions;
    this.#base = base;
    this.#chosen = chosenCaption(renditions, captionChoice.get());
    if (renditions[this.#chosen]?.uri !== before) this.#begin();
  }

  choose(index: number): void {
    this.#chosen = index;
    const rendition = this.#renditions[index];
    captionChoice.set(rendition ? { language: rendition.language, name: rendition.name } : null);
    this.#begin();
  }

  /** On and off by one key: the last choice, or else the first there is. */
  toggle(): void {
    if (this.#chosen < 0) return this.choose(Math.min(this.#last, this.#renditions.length - 1));
    this.#last = this.#chosen;
    this.choose(-1);
  }

  /** The video element's clock begins anew. */
  restart(): void {
    this.#clear();
    if (this.#chosen >= 0) this.#begin();
  }

  /** Now and then: what came before the first picture gets its time. */
  tick(): void {
    if (this.#waiting.length > 0) this.#show(this.#waiting.splice(0));
  }

  destroy(): void {
    this.#feed?.stop();
    this.#clear();
  }

  #begin(): void {
    this.#feed?.stop();
    this.#feed = null;
    this.#clear();
    const rendition = this.#renditions[this.#chosen];
    // A track cannot be taken away again; one is enough for all languages.
    if (rendition) this.#track ??= this.#video.addTextTrack('captions', 'Captions');
    if (this.#track) this.#track.mode = rendition ? 'showing' : 'disabled';
    if (!rendition) return;
    const url = new URL(rendition.uri, new URL(this.#base, location.href));
    this.#feed = new CaptionFeed(withSession(url.pathname + url.search, this.#session), (cues, until_ms) => {
      this.#show(cues);
      this.#finish(until_ms);
    });
  }

  #clear(): void {
    for (const { cue } of this.#cues.splice(0)) this.#track?.removeCue(cue);
    this.#waiting = [];
  }

  #show(cues: DatedCue[]): void {
    const shown_at_ms = this.#shown_at_ms();
    if (shown_at_ms === null) {
      this.#waiting.push(...cues);
      return;
    }
    const zero_ms = shown_at_ms - this.#video.currentTime * 1000;
    for (const dated of cues) this.#add(dated, zero_ms);
    const oldest_ms = shown_at_ms - KEPT_MS;
    for (const { cue } of this.#cues.filter(({ to_ms }) => to_ms < oldest_ms)) this.#track?.removeCue(cue);
    this.#cues = this.#cues.filter(({ to_ms }) => to_ms >= oldest_ms);
  }

  /** Words that were expected to go on, and of which no more came, end where they ended. */
  #finish(until_ms: number): void {
    for (const shown of this.#cues) {
      if (!shown.open || shown.to_ms >= until_ms - ROUNDING_MS) continue;
      shown.open = false;
      shown.cue.endTime = Math.max(shown.cue.startTime, shown.cue.endTime - GRACE_MS / 1000);
    }
  }

  #add(dated: DatedCue, zero_ms: number): void {
    const begun = pieceOf(this.#cues, dated);
    if (begun) {
      if (dated.to_ms < begun.to_ms) return;
      begun.to_ms = dated.to_ms;
      begun.open = dated.open;
      begun.cue.endTime = endTime_s(dated, zero_ms);
      return;
    }
    const cue = new VTTCue((dated.from_ms - zero_ms) / 1000, endTime_s(dated, zero_ms), dated.text);
    if (dated.line_percent !== null) {
      cue.snapToLines = false;
      cue.line = dated.line_percent;
    }
    if (dated.position_percent !== null) cue.position = dated.position_percent;
    if (dated.align !== null) cue.align = dated.align;
    this.#track?.addCue(cue);
    this.#cues.push({ ...dated, cue });
  }
}

function endTime_s({ to_ms, open }: DatedCue, zero_ms: number): number {
  return (to_ms + (open ? GRACE_MS : 0) - zero_ms) / 1000;
}
