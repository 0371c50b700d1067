/** The browser's own HLS, where there are no media sources (older iPhones). It chooses quality by itself. */
import { withSession } from '../address.ts';
import type { Edge, Engine, EngineHandlers } from './engine.ts';

export class NativeEngine implements Engine {
  readonly steerable = false;
  readonly levels = [];
  readonly level = -1;
  readonly audioTracks = [];
  readonly audioTrack = -1;
  readonly gap = false;
  readonly bandwidth_bps = null;
  readonly #video: HTMLVideoElement;
  readonly #listeners = new AbortController();

  constructor(video: HTMLVideoElement, url: string, session: string, handlers: EngineHandlers) {
    this.#video = video;
    let picture = false;
    const { signal } = this.#listeners;
    video.addEventListener('playing', () => (picture = true), { signal });
    video.addEventListener('error', () => handlers.onFault(picture ? 'network' : 'manifest'), { signal });
    video.src = withSession(url, session);
  }

  get edge(): Edge | null {
    const { seekable } = this.#video;
    return seekable.length === 0 ? null : { at_s: seekable.end(seekable.length - 1), age_s: 0 };
  }

  get shown_at_ms(): number | null {
    // Safari's: when currentTime 0 was.
    const video = this.#video as HTMLVideoElement & { getStartDate?: () => Date };
    const start_ms = video.getStartDate?.().getTime() ?? Number.NaN;
    return Number.isFinite(start_ms) ? start_ms + video.currentTime * 1000 : null;
  }

  chooseLevel(): void {}
  chooseAudioTrack(): void {}
  aim(): void {}
  resume(): void {}
  renewMedia(): void {}

  destroy(): void {
    this.#listeners.abort();
    this.#video.removeAttribute('src');
    this.#video.load();
  }
}
