/** Follows one stream's state by asking the server for it. */
import { Api, ApiError, type Stream } from './api.ts';
import type { Known } from './overlay.ts';
import { Poller } from './poll.ts';

const LIVE_MS = 10_000;
const WAITING_MS = 3_000;
/** A stream that has just gone may just be on its way back. */
const FRESH_MS = 1_000;
const FRESH_S = 30;
/** The page is being looked at, and the viewer waits. */
const LONGEST_MS = 4_000;

/** How long to wait before asking again, when the stream has been so for `since_s`. */
export function pauseFor_ms(known: Known, since_s = Number.POSITIVE_INFINITY): number {
  switch (known) {
    case 'live':
      return LIVE_MS;
    case 'starting':
      return 1_000;
    case 'private':
      return LIVE_MS;
    case 'missing':
    case 'ended':
    case 'offline':
    case 'interrupted':
    case 'asking':
    case 'unreachable':
      return since_s < FRESH_S ? FRESH_MS : WAITING_MS;
  }
}

/** The state that an error answer means; null when it is not the stream's but the server's trouble. */
export function knownFromError(error: unknown): Known | null {
  if (!(error instanceof ApiError)) return null;
  if (error.status === 404) return 'missing';
  if (error.status === 401 || error.status === 403) return 'private';
  return null;
}

export class StreamWatch extends EventTarget {
  #known: Known = 'asking';
  #stream: Stream | null = null;
  #since_ms = performance.now();
  readonly #poller: Poller;

  constructor(name: string, token: string | null) {
    super();
    const api = new Api(token);
    this.#poller = new Poller(() => this.#ask(api, name), LONGEST_MS);
  }

  get known(): Known {
    return this.#known;
  }
  /** How long it has been so. */
  get since_s(): number {
    return (performance.now() - this.#since_ms) / 1000;
  }
  /** The last answer; kept when the server cannot be reached. */
  get stream(): Stream | null {
    return this.#stream;
  }

  start(): void {
    this.#poller.start();
  }
  stop(): void {
    this.#poller.stop();
  }
  /** The player noticed something: ask at once. */
  askNow(): void {
    this.#poller.now();
  }

  async #ask(api: Api, name: string): Promise<number> {
    try {
      const stream = await api.stream(name);
      this.#stream = stream;
      this.#become(stream.state);
    } catch (error) {
      const known = knownFromError(error);
      this.#become(known ?? 'unreachable');
      if (known === null) throw error;
    }
    return pauseFor_ms(this.#known, this.since_s);
  }

  #become(known: Known): void {
    if (known !== this.#known) this.#since_ms = performance.now();
    this.#known = known;
    this.dispatchEvent(new Event('change'));
  }
}
