/** Keeps one video element at its distance from the live edge: measures, sets the rate, seeks when it must. */
import { bufferAhead_s } from './buffer.ts';
import type { Engine, Technology } from './engines/engine.ts';
import { Steering } from './steering.ts';

const SETTLE_MS = 3000;
const SETTLE_S = 0.4;
/** After a seek of our own, an empty buffer is not the link's fault for so long. */
const MOVING_MS = 1000;

/** dash.js learns of a new segment by asking for the MPD again, twice a second: it begins further back. */
const START_MARGIN_S: Record<Technology, number> = { hls: 0.3, dash: 1.25 };

export class Follower {
  readonly #video: HTMLVideoElement;
  readonly #start_margin_s: number;
  #steering: Steering;
  #part_s = 0;
  #distance_s = Number.NaN;
  #moving_until_ms = 0;
  #picture_at_ms = 0;
  /** Whether it has gone from the first picture to its distance, by a jump or not at all. */
  #settled = true;
  /** The viewer wants the live edge; false after a pause or a step back. */
  following = true;

  constructor(video: HTMLVideoElement, technology: Technology) {
    this.#video = video;
    this.#start_margin_s = START_MARGIN_S[technology];
    this.#steering = this.#newSteering();
  }

  get distance_s(): number {
    return this.#distance_s;
  }
  get target_s(): number {
    return this.#steering.target_s;
  }
  /** Seconds behind where steering wants to be; 0 while following. */
  get behind_s(): number {
    return Number.isFinite(this.#distance_s) ? Math.max(0, this.#distance_s - this.#steering.target_s) : 0;
  }
  /** A seek of ours is under way: an empty buffer now comes from it. */
  get moving(): boolean {
    return performance.now() < this.#moving_until_ms || this.#video.seeking;
  }

  /** Another attempt: what was measured is void. */
  begin(): void {
    this.#distance_s = Number.NaN;
    this.#settled = true;
    this.#steering = this.#newSteering();
    this.#video.playbackRate = 1;
  }

  /** The first picture of an attempt is on the screen. */
  pictured(): void {
    this.#picture_at_ms = performance.now();
    this.#settled = false;
  }

  partTarget(part_s: number): void {
    if (part_s === this.#part_s) return;
    this.#part_s = part_s;
    this.#steering = this.#newSteering();
  }

  stalled(): void {
    this.#steering.stalled(performance.now() / 1000);
  }

  /** The source broke off and goes on. */
  broke(): void {
    this.#steering.broke(performance.now() / 1000);
  }

  /** Another quality: what was measured says nothing any more. */
  forget(): void {
    this.#steering.forget();
  }

  measure(engine: Engine | null): void {
    const edge = engine?.edge;
    if (edge) this.#distance_s = edge.at_s - this.#video.currentTime;
  }

  /** One tick. `playing`: the picture moves. `source_live`: the server has something new to show. */
  steer(engine: Engine, playing: boolean, source_live: boolean): void {
    const video = this.#video;
    const command = this.#steering.tick({
      now_s: performance.now() / 1000,
      distance_s: this.#distance_s,
      buffer_s: bufferAhead_s(video),
      edge_age_s: engine.edge?.age_s ?? Number.POSITIVE_INFINITY,
      playing: playing && !video.paused && !video.seeking,
      following: this.following,
      source_live,
    });
    if (Math.abs(video.playbackRate - command.rate) >= 0.01 || (command.rate === 1 && video.playbackRate !== 1)) {
      video.playbackRate = Math.round(command.rate * 100) / 100;
    }
    engine.aim(command.target_s);
    if (command.jump_to_s !== null && !video.seeking) this.#seekToDistance(engine, command.jump_to_s);
    else if (!this.#settled) this.#settle(engine);
  }

  /** To the target at once, if it is worth a seek. */
  goLive(engine: Engine): void {
    this.following = true;
    // A step back a moment ago may not have been measured yet.
    this.measure(engine);
    if (this.behind_s > 1) this.#seekToDistance(engine, this.target_s);
  }

  /**
   * While the first parts were loaded the edge went on. Right after the first picture nobody is following it
   * yet: go to the target by one short seek, instead of seconds at a higher rate.
   */
  #settle(engine: Engine): void {
    const { target_s } = this;
    const lag_s = this.#distance_s - bufferAhead_s(this.#video);
    if (performance.now() - this.#picture_at_ms > SETTLE_MS || !this.following) this.#settled = true;
    else if (this.behind_s < SETTLE_S) this.#settled = lag_s < target_s;
    else if (lag_s < target_s - 0.1 && !this.#video.seeking) {
      this.#settled = true;
      this.#seekToDistance(engine, target_s);
    }
  }

  #seekToDistance(engine: Engine, distance_s: number): void {
    const { edge } = engine;
    if (!edge) return;
    this.#moving_until_ms = performance.now() + MOVING_MS;
    this.#video.currentTime = edge.at_s - distance_s;
  }

  #newSteering(): Steering {
    const start_margin_s = this.#start_margin_s;
    return new Steering({ start_margin_s, ...(this.#part_s > 0 && { part_s: this.#part_s }) });
  }
}
