/** Follows one text rendition: asks for its playlist as a low-latency player does, and reads what is new. */
import { readTextPlaylist, type TextDocument, type TextPlaylist } from './playlist.ts';
import { readWebVtt, type Cue } from './webvtt.ts';

/** A cue with the stream's own dates: Unix milliseconds. */
export interface DatedCue extends Omit<Cue, 'start_s' | 'end_s'> {
  from_ms: number;
  to_ms: number;
  /** It lasts to the end of its document: the next one may go on with it. */
  open: boolean;
}

/** New words; and up to when all of them are known. */
export type OnCues = (cues: DatedCue[], until_ms: number) => void;

/** Older than this, words are of no use to a viewer at the live edge. */
const RECENT_S = 20;
const LONGEST_MS = 15_000;
const ROUNDING_MS = 2;
const LARGEST_CHARACTERS = 200_000;

export class CaptionFeed {
  readonly #url: string;
  readonly #onCues: OnCues;
  readonly #stop = new AbortController();
  #read = new Set<string>();

  constructor(url: string, onCues: OnCues) {
    this.#url = url;
    this.#onCues = onCues;
    void this.#follow();
  }

  stop(): void {
    this.#stop.abort();
  }

  async #follow(): Promise<void> {
    let failures = 0;
    let playlist: TextPlaylist | null = null;
    while (!this.#stop.signal.aborted) {
      const asked_ms = performance.now();
      try {
        playlist = readTextPlaylist(await this.#get(this.#address(playlist)));
        if (playlist) await this.#readNew(playlist);
        failures = 0;
      } catch {
        playlist = null;
        failures += 1;
      }
      if (playlist?.ended) return;
      // A server that answers at once would be asked without end.
      const least_ms = playlist?.blocks ? 100 : (playlist?.target_s ?? 1) * 500;
      const pause_ms = failures > 0 ? Math.min(5000, 250 * 2 ** failures) : least_ms - (performance.now() - asked_ms);
      if (pause_ms > 0) await this.#pause(pause_ms);
    }
  }

  #address(before: TextPlaylist | null): string {
    if (!before?.blocks) return this.#url;
    const { msn, part } = before.next;
    return `${this.#url}${this.#url.includes('?') ? '&' : '?'}_HLS_msn=${msn}&_HLS_part=${part}`;
  }

  async #readNew(playlist: TextPlaylist): Promise<void> {
    const newest_ms = playlist.documents.at(-1)?.at_ms ?? 0;
    const recent = playlist.documents.filter(({ at_ms }) => newest_ms - at_ms < RECENT_S * 1000);
    const unread = recent.filter(({ uri }) => !this.#read.has(uri));
    this.#read = new Set(recent.map(({ uri }) => uri));
    const cues = await Promise.all(unread.map((document) => this.#cuesOf(document)));
    const last = playlist.documents.at(-1);
    if (last && !this.#stop.signal.aborted) this.#onCues(cues.flat(), endOf_ms(last));
  }

  async #cuesOf(document: TextDocument): Promise<DatedCue[]> {
    let text: string;
    try {
      text = await this.#get(new URL(document.uri, new URL(this.#url, location.href)).href);
    } catch {
      // One document less: words that are lost now are not worth a repetition later.
      return [];
    }
    return readWebVtt(text).map(({ start_s, end_s, ...rest }) => ({
      ...rest,
      from_ms: document.at_ms + start_s * 1000,
      to_ms: document.at_ms + end_s * 1000,
      open: document.at_ms + end_s * 1000 >= endOf_ms(document) - ROUNDING_MS,
    }));
  }

  async #get(url: string): Promise<string> {
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(LONGEST_MS)]);
    const answer = await fetch(url, { signal });
    if (!answer.ok) throw new Error(`${answer.status}`);
    return (await answer.text()).slice(0, LARGEST_CHARACTERS);
  }

  #pause(pause_ms: number): Promise<void> {
    return new Promise((resolve) => {
      setTimeout(resolve, pause_ms);
      this.#stop.signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }
}

function endOf_ms({ at_ms, duration_s }: TextDocument): number {
  return at_ms + duration_s * 1000;
}
