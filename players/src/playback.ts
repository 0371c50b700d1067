/**
 * Plays one live stream into a <video>: hls.js where the browser has media sources, its own HLS elsewhere.
 * Starts, steers, and mends itself; tells what it does by `change` events. Knows no HTTP API and no page.
 */
import type Hls from 'hls.js';
import { renditionOf, withSession } from './address.ts';
import { makeHls, hlsWorksHere, type HlsFault } from './hls-engine.ts';
import { Recovery, type Action, type Fault } from './recovery.ts';
import { linkSpeed } from './session.ts';
import { Steering } from './steering.ts';

/** `idle`: told to wait. `blocked`: the browser wants a click first. */
export type Phase = 'idle' | 'loading' | 'playing' | 'stalled' | 'paused' | 'blocked' | 'ended';

export interface Level {
  index: number;
  /** The server's rendition, from the playlist's address. */
  rendition: string | null;
  width: number;
  height: number;
  frameRate: number;
  bitrate_bps: number;
}

/** What `window.mediaserverPlayer.statistics()` answers. */
export interface Statistics {
  /** Behind the broadcaster: by PROGRAM-DATE-TIME where clocks agree, else behind the server's newest part. */
  latency_s: number;
  /** Behind the server's newest part. */
  distance_s: number;
  buffer_s: number;
  /** The rendition that is being shown, as the server names it. */
  level: string | null;
  dropped_frames: number;
  stalls: number;
  restarts: number;
  rate: number;
  target_s: number;
  /** From opening the page (or from the stream's start, if that came later) to its first picture. */
  first_frame_ms: number | null;
  bandwidth_bps: number | null;
}

const TICK_MS = 100;
/** The edge is carried on by the clock between playlists, but no further than this. */
const LONGEST_AGE_S = 2;
const FROZEN_S = 4;
const STARTING_S = 12;
const STEP_S = 5;
const SETTLE_MS = 3000;
const SETTLE_S = 0.4;

export class Playback extends EventTarget {
  readonly video: HTMLVideoElement;
  readonly #masterUrl: string;
  readonly #session: string;
  readonly #recovery = new Recovery();
  #steering = new Steering();
  #hls: Hls | null = null;
  #native = false;
  #wanted = false;
  #source_live = true;
  #phase: Phase = 'idle';
  #following = true;
  #user_paused = false;
  #muted_by_browser = false;
  #opened_ms = 0;
  #first_frame_ms: number | null = null;
  #picture = false;
  #moved_at_ms = 0;
  #moved_to_s = -1;
  #stalls = 0;
  /** Whether it has gone from the first picture to its distance, by a jump or not at all. */
  #settled = false;
  #picture_at_ms = 0;
  /** A wait until then comes from a seek of our own, not from the link. */
  #moving_until_ms = 0;
  #restarts = 0;
  #distance_s = Number.NaN;
  #part_s = 0;
  #chosen = -1;
  #chosen_rendition: string | null = null;
  #tick: ReturnType<typeof setInterval> | undefined;
  #mend: ReturnType<typeof setTimeout> | undefined;
  readonly #listeners = new AbortController();

  constructor(video: HTMLVideoElement, masterUrl: string, session: string) {
    super();
    this.video = video;
    this.#masterUrl = masterUrl;
    this.#session = session;
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
    return this.#following;
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
    return this.#hls?.currentLevel ?? -1;
  }
  get levels(): Level[] {
    return (this.#hls?.levels ?? []).map((level, index) => ({
      index,
      rendition: renditionOf(level.url[0] ?? ''),
      width: level.width,
      height: level.height,
      frameRate: level.frameRate,
      bitrate_bps: level.averageBitrate || level.bitrate,
    }));
  }
  /** Seconds behind where steering wants to be; 0 while following. */
  get behind_s(): number {
    return Number.isFinite(this.#distance_s) ? Math.max(0, this.#distance_s - this.#steering.target_s) : 0;
  }

  /** Begins, and from now on keeps playing whatever happens. */
  start(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    if (Number.isNaN(this.#opened_ms)) this.#opened_ms = performance.now();
    this.#following = true;
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

  /** Begins anew, for a broadcast that began anew. */
  restart(): void {
    if (!this.#wanted) return this.start();
    this.#recovery.reset();
    this.#following = true;
    this.#begin();
  }

  destroy(): void {
    this.stop();
    this.#listeners.abort();
  }

  /** Whether the broadcaster sends; an empty buffer while he does not is not the link's fault. */
  set sourceLive(live: boolean) {
    if (live && !this.#source_live) this.#moved_at_ms = performance.now();
    this.#source_live = live;
  }

  async play(): Promise<void> {
    this.#user_paused = false;
    if (this.behind_s <= 6) this.#following = true;
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
    this.#following = true;
    this.#user_paused = false;
    // A step back a moment ago may not have been measured yet.
    this.#measure();
    if (this.behind_s > 1) this.#seekToDistance(this.#steering.target_s);
    if (this.video.paused) void this.#play();
    this.#changed();
  }

  /** Steps back or forth inside what the server still has. */
  step(direction: -1 | 1): void {
    const { seekable } = this.video;
    if (seekable.length === 0) return;
    if (direction > 0 && this.behind_s < STEP_S) return this.goLive();
    const earliest_s = seekable.start(0) + 1;
    this.#following = false;
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
    if (!this.#hls) return;
    this.#chosen = index;
    this.#chosen_rendition = index < 0 ? null : (this.levels[index]?.rendition ?? null);
    this.#hls.nextLevel = index;
    this.#steering.forget();
    this.#changed();
  }

  statistics(): Statistics {
    const bandwidth_bps = this.#hls?.bandwidthEstimate;
    return {
      latency_s: this.#latency_s(),
      distance_s: this.#distance_s,
      buffer_s: this.#buffer_s(),
      level: this.levels[this.current]?.rendition ?? null,
      dropped_frames: this.video.getVideoPlaybackQuality?.().droppedVideoFrames ?? 0,
      stalls: this.#stalls,
      restarts: this.#restarts,
      rate: this.video.playbackRate,
      target_s: this.#steering.target_s,
      first_frame_ms: this.#first_frame_ms,
      bandwidth_bps: bandwidth_bps && Number.isFinite(bandwidth_bps) ? bandwidth_bps : null,
    };
  }

  #begin(): void {
    this.#forgetMend();
    this.#release();
    this.#moved_at_ms = performance.now();
    this.#setPhase('loading');
    if (hlsWorksHere()) {
      this.#hls = makeHls(this.video, this.#masterUrl, this.#session, {
        start_target_s: this.#steering.target_s,
        onFault: (fault) => this.#onHlsFault(fault),
        onLevels: () => this.#onLevels(),
        onLevelShown: () => this.#changed(),
        onPartTarget: (part_s) => this.#onPartTarget(part_s),
      });
    } else {
      this.#native = true;
      this.video.src = withSession(this.#masterUrl, this.#session);
    }
    if (!this.#user_paused) void this.#play();
  }

  #release(): void {
    this.#picture = false;
    this.#settled = false;
    this.#distance_s = Number.NaN;
    this.#steering = new Steering(this.#part_s > 0 ? { part_s: this.#part_s } : {});
    if (this.#hls) {
      const speed_bps = this.#hls.bandwidthEstimate;
      if (Number.isFinite(speed_bps) && this.#first_frame_ms !== null) linkSpeed.set(speed_bps);
      this.#hls.destroy();
      this.#hls = null;
    }
    if (this.#native) {
      this.#native = false;
      this.video.removeAttribute('src');
      this.video.load();
    }
    this.video.playbackRate = 1;
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

  #onLevels(): void {
    if (this.#chosen_rendition !== null) {
      const index = this.levels.findIndex((level) => level.rendition === this.#chosen_rendition);
      this.#chosen = index;
      if (index >= 0 && this.#hls) this.#hls.nextLevel = index;
    }
    this.#changed();
  }

  #onPartTarget(part_s: number): void {
    if (part_s === this.#part_s) return;
    this.#part_s = part_s;
    this.#steering = new Steering({ part_s });
  }

  #listen(): void {
    const { signal } = this.#listeners;
    const on = (type: string, listener: () => void) => this.video.addEventListener(type, listener, { signal });
    on('playing', () => {
      if (!this.#picture) this.#picture_at_ms = performance.now();
      this.#picture = true;
      this.#setPhase('playing');
    });
    on('waiting', () => this.#onWaiting());
    on('pause', () => {
      if (this.#wanted && !this.video.ended && this.#phase !== 'loading') this.#setPhase('paused');
    });
    on('play', () => {
      if (!this.#user_paused || this.behind_s <= 6) this.#following = true;
      this.#user_paused = false;
      if (this.#phase === 'paused' || this.#phase === 'blocked') this.#setPhase(this.#picture ? 'stalled' : 'loading');
    });
    on('ended', () => this.#setPhase('ended'));
    on('volumechange', () => {
      if (!this.video.muted) this.#muted_by_browser = false;
      this.#changed();
    });
    on('error', () => {
      if (this.#native) this.#onFault(this.#picture ? 'network' : 'manifest');
    });
    // Asleep or offline for a while: do not wait for the next timer.
    addEventListener('online', () => this.#wanted && this.#hls?.startLoad(-1), { signal });
  }

  #onWaiting(): void {
    if (!this.#wanted || this.video.paused || !this.#picture || this.#phase !== 'playing') return;
    this.#setPhase('stalled');
    if (performance.now() < this.#moving_until_ms || this.video.seeking || !this.#sourceSends()) return;
    this.#stalls += 1;
    this.#steering.stalled(performance.now() / 1000);
  }

  #onTick(): void {
    const now_ms = performance.now();
    this.#measure();
    if (this.video.currentTime !== this.#moved_to_s) {
      this.#moved_to_s = this.video.currentTime;
      this.#moved_at_ms = now_ms;
      if (this.#phase === 'playing') this.#recovery.healed(now_ms / 1000);
    }
    this.#watchForFreeze(now_ms);
    if (!this.#native) this.#steer(now_ms / 1000);
  }

  #steer(now_s: number): void {
    const command = this.#steering.tick({
      now_s,
      distance_s: this.#distance_s,
      buffer_s: this.#buffer_s(),
      edge_age_s: this.#hls?.latestLevelDetails?.age ?? Number.POSITIVE_INFINITY,
      playing: this.#phase === 'playing' && !this.video.paused && !this.video.seeking,
      following: this.#following,
      source_live: this.#sourceSends(),
    });
    const { video } = this;
    if (Math.abs(video.playbackRate - command.rate) >= 0.01 || (command.rate === 1 && video.playbackRate !== 1)) {
      video.playbackRate = Math.round(command.rate * 100) / 100;
    }
    // hls.js starts, and returns after a gap, at its own idea of the target.
    if (this.#hls && Math.abs((this.#hls.config.liveSyncDuration ?? 0) - command.target_s) > 0.05) {
      this.#hls.targetLatency = command.target_s;
    }
    if (command.jump_to_s !== null && !video.seeking) this.#seekToDistance(command.jump_to_s);
    else if (this.#picture && !this.#settled) this.#settle();
  }

  /**
   * While the first parts were loaded the edge went on. Right after the first picture nobody is following it
   * yet: go to the target by one short seek, instead of seconds at a higher rate.
   */
  #settle(): void {
    const target_s = this.#steering.target_s;
    const lag_s = this.#distance_s - this.#buffer_s();
    if (performance.now() - this.#picture_at_ms > SETTLE_MS || !this.#following) this.#settled = true;
    else if (this.behind_s < SETTLE_S) this.#settled = lag_s < target_s;
    else if (lag_s < target_s - 0.1 && !this.video.seeking) {
      this.#settled = true;
      this.#seekToDistance(target_s);
    }
  }

  #watchForFreeze(now_ms: number): void {
    if (!this.#wanted || this.#mend !== undefined || this.video.paused || this.#phase === 'ended') return;
    if (!this.#source_live || document.visibilityState === 'hidden') {
      this.#moved_at_ms = now_ms;
      return;
    }
    const patience_s = this.#picture ? FROZEN_S : STARTING_S;
    if (now_ms - this.#moved_at_ms > patience_s * 1000) this.#onFault('frozen');
  }

  #onHlsFault(fault: HlsFault): void {
    this.#onFault(fault);
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
    this.#moved_at_ms = performance.now();
    if (action === 'resume' && this.#hls) {
      this.#hls.startLoad(-1);
      if (!this.video.paused) this.#following = true;
    } else if (action === 'renew-media' && this.#hls) {
      this.#hls.recoverMediaError();
      void this.#play();
    } else {
      if (this.#picture) this.#restarts += 1;
      this.#begin();
    }
    this.#changed();
  }

  #sourceSends(): boolean {
    // During an interruption the server fills the playlist with parts marked as gaps.
    return this.#source_live && this.#hls?.latestLevelDetails?.partList?.at(-1)?.gap !== true;
  }

  #measure(): void {
    const { video } = this;
    const details = this.#hls?.latestLevelDetails;
    if (details) {
      this.#distance_s = details.edge + Math.min(Math.max(0, details.age), LONGEST_AGE_S) - video.currentTime;
    } else if (this.#native && video.seekable.length > 0) {
      this.#distance_s = video.seekable.end(video.seekable.length - 1) - video.currentTime;
    }
  }

  #latency_s(): number {
    const date = this.#hls?.playingDate;
    if (!date) return this.#distance_s;
    const latency_s = (Date.now() - date.getTime()) / 1000;
    // The server's clock and this one may differ by anything.
    return latency_s > this.#distance_s - 0.5 && latency_s < this.#distance_s + 3 ? latency_s : this.#distance_s;
  }

  #buffer_s(): number {
    const { buffered, currentTime } = this.video;
    for (let index = 0; index < buffered.length; index += 1) {
      if (buffered.start(index) - 0.05 <= currentTime && currentTime <= buffered.end(index)) {
        return buffered.end(index) - currentTime;
      }
    }
    return 0;
  }

  #seekToDistance(distance_s: number): void {
    this.#moving_until_ms = performance.now() + 1000;
    const details = this.#hls?.latestLevelDetails;
    if (details) {
      this.video.currentTime = details.edge + Math.min(Math.max(0, details.age), LONGEST_AGE_S) - distance_s;
    } else if (this.video.seekable.length > 0) {
      this.video.currentTime = this.video.seekable.end(this.video.seekable.length - 1) - distance_s;
    }
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
