/**
 * One stream on one video element, kept playing through everything that happens to it: follows the server's
 * word on the stream's state, reads what its master playlist offers, and begins anew when there is more to see.
 * Tells of any change by `change`.
 */
import { manifestUrl, withSession } from './address.ts';
import type { Rendition } from './api.ts';
import { Captions } from './captions/captions.ts';
import type { Technology } from './engines/engine.ts';
import { offersMore, readMaster, withOffersOf, type Master, type Variant } from './m3u8.ts';
import type { Known } from './overlay.ts';
import { Playback } from './playback.ts';
import { newViewerSession } from './session.ts';
import { StreamWatch } from './stream-watch.ts';

export interface Show {
  stream: string;
  token: string | null;
  technology: Technology;
  /** Named to the server's count in place of one of its own. */
  session?: string | null;
}

const MASTER_TIMEOUT_MS = 8_000;
/** A server that restarts may not know its streams at once. */
const GONE_FOR_S = 4;

export class LivePlayer extends EventTarget {
  readonly playback: Playback;
  readonly watch: StreamWatch;
  readonly captions: Captions;
  readonly #masterUrl: string;
  readonly #session: string;
  #master: Master | null = null;
  #asking: AbortController | null = null;
  #known: Known = 'asking';
  /** When the broadcast that is being played began. */
  #broadcast: string | null = null;
  /** Another one has begun: it is joined when this one's picture stops. */
  #another = false;
  #renditions = '';

  constructor(video: HTMLVideoElement, { stream, token, technology, session: given }: Show) {
    super();
    const session = given ?? newViewerSession();
    this.#session = session;
    this.#masterUrl = manifestUrl(stream, token, 'hls');
    this.playback = new Playback(video, { technology, url: manifestUrl(stream, token, technology), session });
    this.captions = new Captions(video, session, () => this.playback.shown_at_ms);
    this.watch = new StreamWatch(stream, token);
    this.playback.addEventListener('change', () => this.#onPlayback());
    this.playback.addEventListener('begin', () => this.#onBegin());
    this.playback.addEventListener('break', () => this.#onBreak());
    this.watch.addEventListener('change', () => this.#onState());
  }

  /** The qualities that the server lists now, by name; null before it was asked. */
  get variants(): ReadonlyMap<string, Variant> | null {
    return this.#master?.variants ?? null;
  }

  start(): void {
    // Do not wait for the state: a running stream's picture is there sooner than its answer.
    this.playback.start();
    this.watch.start();
  }

  destroy(): void {
    this.#asking?.abort();
    this.watch.stop();
    this.captions.destroy();
    this.playback.destroy();
  }

  #onPlayback(): void {
    const { phase, picture } = this.playback;
    if (phase === 'ended' || (phase === 'stalled' && this.#known === 'live')) this.watch.askNow();
    if (this.#another && (phase === 'ended' || phase === 'stalled')) this.#join();
    // The first picture does not wait for anything else.
    if (picture && !this.#master && !this.#asking) void this.#askMaster();
    this.captions.tick();
    this.dispatchEvent(new Event('change'));
  }

  #onBegin(): void {
    this.#asking?.abort();
    this.#asking = null;
    this.#master = null;
    this.captions.restart();
  }

  /** After a break of the source there may be a picture where only sound was, or another language. */
  #onBreak(): void {
    this.watch.askNow();
    if (this.#master) void this.#askMaster();
  }

  #onState(): void {
    const { known, stream, since_s } = this.watch;
    const { playback } = this;
    const before = this.#known;
    this.#known = known;
    playback.sourceLive = known === 'live' || known === 'asking' || known === 'unreachable';
    switch (known) {
      case 'live':
      case 'starting': {
        const began = stream?.started_at ?? null;
        if (began !== null && this.#broadcast !== null && began !== this.#broadcast) this.#another = true;
        if (began !== null) this.#broadcast = began;
        if (before === 'ended' || playback.phase === 'ended') this.#join();
        else playback.start();
        break;
      }
      case 'offline':
      case 'missing':
        if (playback.phase !== 'playing' || since_s > GONE_FOR_S) playback.stop();
        break;
      case 'private':
        playback.stop();
        break;
      case 'ended':
        // What is in the buffer plays to its end; one that has nothing to show is let go.
        if (playback.phase === 'loading') playback.stop();
        break;
      case 'interrupted':
      case 'unreachable':
      case 'asking':
        break;
    }
    const renditions = stream?.renditions.map(looksOf).join() ?? '';
    if (renditions !== this.#renditions && this.#master) void this.#askMaster();
    this.#renditions = renditions;
    this.dispatchEvent(new Event('change'));
  }

  #join(): void {
    this.#another = false;
    this.playback.restart();
  }

  async #askMaster(): Promise<void> {
    this.#asking?.abort();
    const asking = new AbortController();
    this.#asking = asking;
    try {
      const signal = AbortSignal.any([asking.signal, AbortSignal.timeout(MASTER_TIMEOUT_MS)]);
      const answer = await fetch(withSession(this.#masterUrl, this.#session), { signal, cache: 'no-cache' });
      if (!answer.ok) return;
      const master = readMaster(await answer.text());
      const before = this.#master;
      this.#master = before ? withOffersOf(before, master) : master;
      this.captions.offer(master.captions, this.#masterUrl);
      if (before && offersMore(before, master)) this.playback.restart();
      this.dispatchEvent(new Event('change'));
    } catch {
      // Asked again when something changes; what plays goes on.
    } finally {
      if (this.#asking === asking) this.#asking = null;
    }
  }
}

/** Changes where a menu should say something else: with the name, the size, or a bitrate that is quite another. */
function looksOf({ name, width, height, bitrate_bps }: Rendition): string {
  return `${name}:${width}x${height}:${bitrate_bps ? Math.round(2 * Math.log2(bitrate_bps)) : 0}`;
}
