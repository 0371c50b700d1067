/**
 * Plays one live stream into a <video>: hls.js or dash.js where the browser has media sources, its own HLS
 * elsewhere. Starts, mends itself, and tells what it does by `change` events; `begin` before the video element's
 * clock begins anew, `break` when the source has changed. Knows no HTTP API and no page.
 */
import { bufferAhead_s } from './buffer.ts';
import type { AudioTrack, Engine, EngineHandlers, Level, Technology } from './engines/engine.ts';
import { HlsEngine, hlsWorksHere } from './engines/hls.ts';
import { NativeEngine } from './engines/native.ts';
import { Follower } from './follower.ts';
import { FreezeWatch } from './freeze.ts';
import { Recovery, type Action, type Fault } from './recovery.ts';
import { linkSpeed } from './session.ts';
import { latencyBehind_s, type Statistics } from './statistics.ts';

/** `idle`: told to wait. `blocked`: the browser wants a click first. */
export type Phase = 'idle' | 'loading' | 'playing' | 'stalled' | 'paused' | 'blocked' | 'ended';

export interface Source {
  technology: Technology;
  /** The master playlist or the MPD. */
  url: string;
  /** Names this viewer to the server's count. */
  session: string;
}

const TICK_MS = 100;
const STEP_S = 5;
/** Further behind than this, a viewer who presses play wants to go on where he stopped. */
const LATE_S = 6;
/** While the broadcaster is away the server may go on with a picture of its own: seen by an edge that moves. */
const FRESH_S = 2;

export class Playback extends EventTarget {
  readonly video: HTMLVideoElement;
  readonly #source: Source;
  readonly #recovery = new Recovery();
  readonly #freeze = new FreezeWatch();
  readonly #follower: Follower;
  #engine: Engine | null = null;
  /** Counts attempts: an engine that arrives late belongs to one that is over. */
  #attempt = 0;
  #wanted = false;
  #source_live = true;
  #phase: Phase = 'idle';
  #user_paused = false;
  #muted_by_browser = false;
  #opened_ms = 0;
  #first_frame_ms: number | null = null;
  #picture = false;
  #stalls = 0;
  #restarts = 0;
  #chosen = -1;
  #chosen_rendition: string | null = null;
  #chosen_sound: string | null = null;
  #tick: ReturnType<typeof setInterval> | undefined;
  #mend: ReturnType<typeof setTimeout> | undefined;
  readonly #listeners = new AbortController();

  constructor(video: HTMLVideoElement, source: Source) {
    super();
    this.video = video;
    this.#source = source;
    this.#follower = new Follower(video, source.technology);
    this.#listen();
    this.#awaitPicture();
  }

  get phase(): Phase {
    return this.#phase;
  }
  /** A picture of the running attempt has been shown. */
  get picture(): boolean {
    return this.#picture;
  }
  get following(): boolean {
    return this.#follower.following;
  }
  get mutedByBrowser(): boolean {
    return this.#muted_by_browser && this.video.muted;
  }
  /** The chosen level's index, -1 for automatic. */
  get chosen(): number {
    return this.#chosen;
  }
  /** The level that is on the screen. */
  get current(): number {
    return this.#engine?.level ?? -1;
  }
  get levels(): Level[] {
    return this.#engine?.levels ?? [];
  }
  get audioTracks(): AudioTrack[] {
    return this.#engine?.audioTracks ?? [];
  }
  get audioTrack(): number {
    return this.#engine?.audioTrack ?? -1;
  }
  /** Seconds behind where steering wants to be; 0 while following. */
  get behind_s(): number {
    return this.#follower.behind_s;
  }
  /** When the picture on the screen was taken, by the server's clock: Unix milliseconds. */
  get shown_at_ms(): number | null {
    return this.#engine?.shown_at_ms ?? null;
  }

  /** Begins, and from now on keeps playing whatever happens. */
  start(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    if (Number.isNaN(this.#opened_ms)) this.#opened_ms = performance.now();
    this.#follower.following = true;
    this.#user_paused = false;
    this.#recovery.reset();
    this.#tick = setInterval(() => this.#onTick(), TICK_MS);
    this.#begin();
  }

  /** Lets go of the media. */
  stop(): void {
    if (!this.#wanted) return;
    this.#wanted = false;
    this.#opened_ms = Number.NaN;
    clearInterval(this.#tick);
    this.#forgetMend();
    this.#release();
    this.#setPhase('idle');
  }

  /** Begins anew, for a broadcast that began anew or offers other renditions. */
  restart(): void {
    if (!this.#wanted) return this.start();
    this.#recovery.reset();
    this.#follower.following = true;
    this.#begin();
  }

  destroy(): void {
    this.stop();
    this.#listeners.abort();
  }

  /** Whether the broadcaster sends; an empty buffer while he does not is not the link's fault. */
  set sourceLive(live: boolean) {
    if (live && !this.#source_live) this.#freeze.rest(performance.now() / 1000);
    this.#source_live = live;
  }

  async play(): Promise<void> {
    this.#user_paused = false;
    if (this.behind_s <= LATE_S) this.#follower.following = true;
    await this.#play();
  }

  pause(): void {
    this.#user_paused = true;
    this.video.pause();
  }

  toggle(): void {
    if (this.video.paused) void this.play();
    else this.pause();
  }

  goLive(): void {
    this.#user_paused = false;
    if (this.#engine) this.#follower.goLive(this.#engine);
    if (this.video.paused) void this.#play();
    this.#changed();
  }

  /** Steps back or forth inside what the server still has. */
  step(direction: -1 | 1): void {
    const { seekable } = this.video;
    if (seekable.length === 0) return;
    if (direction > 0 && this.behind_s < STEP_S) return this.goLive();
    const earliest_s = seekable.start(0) + 1;
    this.#follower.following = false;
    this.video.currentTime = Math.max(earliest_s, this.video.currentTime + direction * STEP_S);
    this.#changed();
  }

  unmute(): void {
    this.#muted_by_browser = false;
    this.video.muted = false;
    if (this.video.volume === 0) this.video.volume = 1;
    this.#changed();
  }

  /** `index` of `levels`, or -1 to let the player choose by the link's speed. */
  choose(index: number): void {
    if (!this.#engine) return;
    this.#chosen = index;
    this.#chosen_rendition = this.levels.find((level) => level.index === index)?.rendition ?? null;
    this.#engine.chooseLevel(index);
    this.#follower.forget();
    this.#changed();
  }

  /** `index` of `audioTracks`. */
  chooseAudioTrack(index: number): void {
    const track = this.audioTracks[index];
    if (!track || !this.#engine) return;
    this.#chosen_sound = soundName(track);
    this.#engine.chooseAudioTrack(index);
    this.#changed();
  }

  statistics(): Statistics {
    const { distance_s, target_s } = this.#follower;
    return {
      latency_s: latencyBehind_s(this.shown_at_ms, Date.now(), distance_s),
      distance_s,
      buffer_s: bufferAhead_s(this.video),
      level: this.levels.find((level) => level.index === this.current)?.rendition ?? null,
      dropped_frames: this.video.getVideoPlaybackQuality?.().droppedVideoFrames ?? 0,
      stalls: this.#stalls,
      restarts: this.#restarts,
      rate: this.video.playbackRate,
      target_s,
      first_frame_ms: this.#first_frame_ms,
      bandwidth_bps: this.#engine?.bandwidth_bps ?? null,
    };
  }

  #begin(): void {
    // Before the engine goes, and the last picture with it.
    this.dispatchEvent(new Event('begin'));
    this.#forgetMend();
    this.#release();
    this.#freeze.rest(performance.now() / 1000);
    this.#setPhase('loading');
    this.#makeEngine();
    if (this.#engine) this.#playUnlessPaused();
  }

  #playUnlessPaused(): void {
    if (!this.#user_paused) void this.#play();
  }

  #makeEngine(): void {
    const { technology, url, session } = this.#source;
    const attempt = this.#attempt;
    const { target_s } = this.#follower;
    const current = () => attempt === this.#attempt;
    const handlers: EngineHandlers = {
      onFault: (fault) => current() && this.#onFault(fault),
      onReady: () => current() && this.#playUnlessPaused(),
      onChange: () => current() && this.#onTracks(),
      onBreak: () => current() && this.#onBreak(),
      onPartTarget: (part_s) => current() && this.#follower.partTarget(part_s),
    };
    if (!hlsWorksHere()) {
      this.#engine = new NativeEngine(this.video, url, session, handlers);
    } else if (technology === 'hls') {
      this.#engine = new HlsEngine(this.video, url, session, target_s, handlers);
    } else {
      void import('./engines/dash.ts').then(
        ({ DashEngine }) => {
          if (current()) this.#engine = new DashEngine(this.video, url, session, target_s, handlers);
        },
        () => handlers.onFault('manifest'),
      );
    }
  }

  #release(): void {
    this.#attempt += 1;
    this.#picture = false;
    this.#follower.begin();
    if (!this.#engine) return;
    const speed_bps = this.#engine.bandwidth_bps;
    if (speed_bps !== null && this.#first_frame_ms !== null) linkSpeed.set(speed_bps);
    this.#engine.destroy();
    this.#engine = null;
  }

  async #play(): Promise<void> {
    try {
      await this.video.play();
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== 'NotAllowedError') return;
      if (!this.video.muted) {
        // Browsers let a page begin by itself only without sound.
        this.video.muted = true;
        this.#muted_by_browser = true;
        this.#changed();
        return this.#play();
      }
      this.#setPhase('blocked');
    }
  }

  /** Once: from opening the page, or from the (last) start for a stream that began later. */
  #awaitPicture(): void {
    if (!('requestVideoFrameCallback' in this.video)) return;
    this.video.requestVideoFrameCallback(() => {
      this.#first_frame_ms ??= performance.now() - this.#opened_ms;
    });
  }

  #onBreak(): void {
    this.#follower.broke();
    this.dispatchEvent(new Event('break'));
  }

  /** Choices outlive an engine: they are found again by name. */
  #onTracks(): void {
    const engine = this.#engine;
    if (engine && this.#chosen_rendition !== null) {
      const index = engine.levels.find((level) => level.rendition === this.#chosen_rendition)?.index ?? -1;
      if (index >= 0 && index !== this.#chosen) engine.chooseLevel(index);
      this.#chosen = index;
    }
    if (engine && this.#chosen_sound !== null) {
      const index = engine.audioTracks.findIndex((track) => soundName(track) === this.#chosen_sound);
      if (index >= 0 && index !== engine.audioTrack) engine.chooseAudioTrack(index);
    }
    this.#changed();
  }

  #listen(): void {
    const { signal } = this.#listeners;
    const on = (type: string, listener: () => void) => this.video.addEventListener(type, listener, { signal });
    on('playing', () => {
      if (!this.#picture) this.#follower.pictured();
      this.#picture = true;
      this.#setPhase('playing');
    });
    on('waiting', () => this.#onWaiting());
    on('pause', () => {
      if (this.#wanted && !this.video.ended && this.#phase !== 'loading') this.#setPhase('paused');
    });
    on('play', () => {
      if (!this.#user_paused || this.behind_s <= LATE_S) this.#follower.following = true;
      this.#user_paused = false;
      if (this.#phase === 'paused' || this.#phase === 'blocked') this.#setPhase(this.#picture ? 'stalled' : 'loading');
    });
    on('ended', () => this.#setPhase('ended'));
    on('volumechange', () => {
      if (!this.video.muted) this.#muted_by_browser = false;
      this.#changed();
    });
    // Asleep or offline for a while: do not wait for the next timer.
    addEventListener('online', () => this.#wanted && this.#engine?.resume(), { signal });
  }

  #onWaiting(): void {
    if (!this.#wanted || this.video.paused || !this.#picture || this.#phase !== 'playing') return;
    this.#setPhase('stalled');
    if (this.#follower.moving || !this.#sourceSends()) return;
    this.#stalls += 1;
    this.#follower.stalled();
  }

  #onTick(): void {
    const now_s = performance.now() / 1000;
    const engine = this.#engine;
    this.#follower.measure(engine);
    const { moved, frozen } = this.#freeze.look({
      now_s,
      at_s: this.video.currentTime,
      picture: this.#picture,
      expected:
        this.#mend === undefined &&
        !this.video.paused &&
        this.#phase !== 'ended' &&
        document.visibilityState === 'visible' &&
        this.#sourceSends(),
    });
    if (moved && this.#phase === 'playing') this.#recovery.healed(now_s);
    if (frozen) this.#onFault('frozen');
    if (engine?.steerable) this.#follower.steer(engine, this.#phase === 'playing', this.#sourceSends());
  }

  #onFault(kind: Fault): void {
    if (!this.#wanted || this.#mend !== undefined) return;
    const remedy = this.#recovery.fault(kind, performance.now() / 1000, Math.random());
    if (this.#phase === 'playing' && kind !== 'network') this.#setPhase('stalled');
    this.#mend = setTimeout(() => {
      this.#mend = undefined;
      this.#apply(remedy.action);
    }, remedy.delay_ms);
  }

  /** While a remedy is due, further faults are not looked at: one that is called off must not count as due. */
  #forgetMend(): void {
    clearTimeout(this.#mend);
    this.#mend = undefined;
  }

  #apply(action: Action): void {
    if (!this.#wanted) return;
    this.#freeze.rest(performance.now() / 1000);
    if (action === 'resume' && this.#engine?.steerable) {
      this.#engine.resume();
      if (!this.video.paused) this.#follower.following = true;
    } else if (action === 'renew-media' && this.#engine?.steerable) {
      this.#engine.renewMedia();
      void this.#play();
    } else {
      if (this.#picture) this.#restarts += 1;
      this.#begin();
    }
    this.#changed();
  }

  /** Whether the server has something new to show: the broadcast, or a slate in its place. */
  #sourceSends(): boolean {
    const engine = this.#engine;
    if (engine?.gap) return false;
    return this.#source_live || (engine?.edge?.age_s ?? Number.POSITIVE_INFINITY) < FRESH_S;
  }

  #setPhase(phase: Phase): void {
    if (this.#phase === phase) return;
    this.#phase = phase;
    this.#changed();
  }

  #changed(): void {
    this.dispatchEvent(new Event('change'));
  }
}

function soundName(track: AudioTrack): string {
  return `${track.language}/${track.name}`;
}
