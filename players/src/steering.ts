/**
 * Steers a live player to its distance from the live edge by playback rate. Pure: time is an argument.
 *
 * Words used here:
 * - distance: how far the picture shown is behind the newest moment that the server has published. The
 *   playlist moves in steps of one part, so between two parts the edge is carried on by the clock.
 * - delivery lag: how far the end of the buffer is behind that same moment. It holds the part that is being
 *   made, the way of the playlist and the part through the link, and the time to append them.
 *
 * buffer = distance - lag. A player at distance D runs dry when the lag reaches D once. So the closest
 * safe distance is the worst recent lag and a margin: that is the target. It comes closer by itself while the
 * link is steady and goes further back before a slower link makes it stall. A stall says that the margin was
 * too small: it grows by `stall_penalty_s`, is held for a while, and decays.
 */

export interface SteeringConfig {
  /** Duration of a part (the playlist's PART-TARGET). Without parts: of a segment. */
  part_s: number;
  /** The buffer that is left at the worst moment while all goes well. */
  margin_s: number;
  /** Added to the start's distance over one part, until the lag has been measured. */
  start_margin_s: number;
  max_target_s: number;
  /** How long a measured lag counts. */
  window_s: number;
  stall_penalty_s: number;
  penalty_hold_s: number;
  /** Seconds of penalty that go in one second. */
  penalty_decay: number;
  min_rate: number;
  max_rate: number;
  /** Further behind its target than this, the player jumps. */
  jump_s: number;
}

export const DEFAULTS: SteeringConfig = {
  part_s: 0.25,
  margin_s: 0.12,
  start_margin_s: 0.3,
  max_target_s: 5,
  window_s: 10,
  stall_penalty_s: 0.25,
  penalty_hold_s: 10,
  penalty_decay: 0.02,
  min_rate: 0.95,
  max_rate: 1.25,
  jump_s: 6,
};

/** One look at the player. */
export interface Sample {
  now_s: number;
  distance_s: number;
  /** Media ahead of the picture shown. */
  buffer_s: number;
  /** How old the newest playlist is: beyond a few parts the edge is a guess. */
  edge_age_s: number;
  /** The picture moves. */
  playing: boolean;
  /** The viewer wants the live edge; false after a pause or a step back. */
  following: boolean;
  /** The broadcaster sends. While he does not, nothing is learnt from an empty buffer. */
  source_live: boolean;
}

export interface Command {
  rate: number;
  target_s: number;
  /** The player should seek to this distance from the edge at once. */
  jump_to_s: number | null;
}

/** The lag is kept as the worst of each bucket, so that ten samples a second cost nothing. */
const BUCKET_S = 0.5;
/** Errors under `SETTLED_S` are left alone; a correction begins at `UNSETTLED_S`. */
const SETTLED_S = 0.02;
const UNSETTLED_S = 0.06;
/** Rate per second of error: one second behind is the full 1.25. */
const GAIN = 0.3;
const RATE_SLEW = 0.6;
/** The target comes closer by so much a second, and faster the further it is from where it should be. */
const TARGET_FALL = 0.06;
const TARGET_FALL_SHARE = 0.2;
const PENALTY_DECAY_SHARE = 0.06;
const TARGET_RISE = 0.5;
const JUMP_REST_S = 4;
/** A break of the source explains the stalls so long before it, and the unevenness so long after it. */
const BREAK_BEFORE_S = 5;
const BREAK_AFTER_S = 2;

export class Steering {
  readonly #config: SteeringConfig;
  #buckets: { from_s: number; lag_s: number }[] = [];
  #target_s: number;
  #penalty_s = 0;
  #last_stall_s = Number.NEGATIVE_INFINITY;
  /** As it was before the last stall: a break of the source takes that stall back. */
  #before_stall = { penalty_s: 0, target_s: 0 };
  #settles_s = Number.NEGATIVE_INFINITY;
  #last_jump_s = Number.NEGATIVE_INFINITY;
  #last_s: number | null = null;
  #rate = 1;
  #correcting = false;

  constructor(config: Partial<SteeringConfig> = {}) {
    this.#config = { ...DEFAULTS, ...config };
    this.#target_s = this.#config.part_s + this.#config.start_margin_s;
  }

  get target_s(): number {
    return this.#target_s;
  }

  /** The picture stopped for want of media that the server had. */
  stalled(now_s: number): void {
    const { part_s, stall_penalty_s, max_target_s } = this.#config;
    if (now_s < this.#settles_s) return;
    if (now_s - this.#last_stall_s > BREAK_BEFORE_S) {
      this.#before_stall = { penalty_s: this.#penalty_s, target_s: this.#target_s };
    }
    this.#penalty_s = Math.min(this.#penalty_s + stall_penalty_s, max_target_s - part_s);
    this.#last_stall_s = now_s;
    this.#target_s = Math.min(max_target_s, this.#target_s + stall_penalty_s);
    // Do not race to the old distance while the buffer fills.
    this.#rate = Math.min(1, this.#rate);
    this.#correcting = false;
  }

  /** The source broke off and goes on: what was missing around it was not the link's fault. */
  broke(now_s: number): void {
    if (now_s - this.#last_stall_s <= BREAK_BEFORE_S) {
      this.#penalty_s = this.#before_stall.penalty_s;
      this.#target_s = this.#before_stall.target_s;
      this.#last_stall_s = Number.NEGATIVE_INFINITY;
    }
    this.#settles_s = now_s + BREAK_AFTER_S;
    this.#buckets = [];
  }

  /** Another rendition or a seek: what was measured before says nothing any more. */
  forget(): void {
    this.#buckets = [];
  }

  tick(sample: Sample): Command {
    const elapsed_s = this.#last_s === null ? 0 : Math.min(1, Math.max(0, sample.now_s - this.#last_s));
    this.#last_s = sample.now_s;
    this.#learn(sample);
    this.#moveTarget(sample.now_s, elapsed_s);
    const jump_to_s = this.#jump(sample);
    this.#moveRate(sample, elapsed_s);
    return { rate: this.#rate, target_s: this.#target_s, jump_to_s };
  }

  #learn(sample: Sample): void {
    const { window_s, max_target_s } = this.#config;
    this.#buckets = this.#buckets.filter((bucket) => sample.now_s - bucket.from_s < window_s);
    if (sample.now_s < this.#settles_s) return;
    // An old playlist means that the link or the source stands still: a stall tells of the first.
    if (!sample.playing || !sample.source_live || this.#old(sample)) return;
    const lag_s = sample.distance_s - sample.buffer_s;
    if (!Number.isFinite(lag_s) || lag_s < 0 || lag_s > max_target_s) return;
    const bucket = this.#buckets.at(-1);
    if (bucket && sample.now_s - bucket.from_s < BUCKET_S) bucket.lag_s = Math.max(bucket.lag_s, lag_s);
    else this.#buckets.push({ from_s: sample.now_s, lag_s });
  }

  #moveTarget(now_s: number, elapsed_s: number): void {
    const { part_s, margin_s, max_target_s, penalty_hold_s, penalty_decay } = this.#config;
    if (now_s - this.#last_stall_s > penalty_hold_s) {
      const decay = Math.max(penalty_decay, PENALTY_DECAY_SHARE * this.#penalty_s);
      this.#penalty_s = Math.max(0, this.#penalty_s - decay * elapsed_s);
    }
    // Two seconds of looking before anything is believed.
    if (this.#buckets.length * BUCKET_S < 2) return;
    const lag_s = Math.max(...this.#buckets.map((bucket) => bucket.lag_s));
    const closest_s = part_s + margin_s;
    const wanted_s = Math.min(max_target_s, Math.max(closest_s, lag_s + margin_s + this.#penalty_s));
    const fall = Math.max(TARGET_FALL, TARGET_FALL_SHARE * (this.#target_s - wanted_s));
    const step_s = Math.max(-fall * elapsed_s, Math.min(TARGET_RISE * elapsed_s, wanted_s - this.#target_s));
    this.#target_s += step_s;
  }

  /** Nothing new came for so long that the edge is a guess. */
  #old(sample: Sample): boolean {
    return sample.edge_age_s > 4 * this.#config.part_s + 0.5;
  }

  #jump(sample: Sample): number | null {
    const { jump_s } = this.#config;
    const behind_s = sample.distance_s - this.#target_s;
    if (!sample.following || !sample.source_live || behind_s <= jump_s) return null;
    if (this.#old(sample) || sample.now_s - this.#last_jump_s < JUMP_REST_S) return null;
    this.#last_jump_s = sample.now_s;
    this.#rate = 1;
    this.#correcting = false;
    return this.#target_s;
  }

  #moveRate(sample: Sample, elapsed_s: number): void {
    const { min_rate, max_rate } = this.#config;
    const error_s = sample.distance_s - this.#target_s;
    let wanted = 1;
    if (sample.following && sample.playing && sample.source_live && !this.#old(sample) && Number.isFinite(error_s)) {
      this.#correcting = Math.abs(error_s) > (this.#correcting ? SETTLED_S : UNSETTLED_S);
      if (this.#correcting) wanted = 1 + error_s * GAIN;
      // Never hurry into an empty buffer: what is missing is not there to be shown sooner.
      if (wanted > 1 && sample.buffer_s < 0.1) wanted = 1;
    } else {
      this.#correcting = false;
    }
    wanted = Math.max(min_rate, Math.min(max_rate, wanted));
    const step = RATE_SLEW * elapsed_s;
    this.#rate += Math.max(-step, Math.min(step, wanted - this.#rate));
    // The exact 1 lets the browser play sound without stretching it.
    if (wanted === 1 && Math.abs(this.#rate - 1) < 0.005) this.#rate = 1;
  }
}
