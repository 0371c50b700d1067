/** What to do about a player that broke. Pure: decides, and the player acts. */

export type Fault = 'manifest' | 'network' | 'media' | 'other' | 'frozen';

export type Action =
  /** Load on from where it stopped. */
  | 'resume'
  /** Give the picture a new decoder. */
  | 'renew-media'
  /** Begin from nothing. */
  | 'restart';

export interface Remedy {
  action: Action;
  delay_ms: number;
}

/** Faults closer together than this are one trouble, and each gets a stronger remedy than the one before. */
const SAME_TROUBLE_S = 20;
/** A server that restarts is back within seconds: asked for often at first, by all its viewers. */
const PATIENT_S = 60;
const LONGEST_MS = 1500;
const LONGEST_LATER_MS = 6000;

export class Recovery {
  #faults = 0;
  #since_s = 0;
  #last_s = Number.NEGATIVE_INFINITY;

  /** How many faults the present trouble has had. */
  get faults(): number {
    return this.#faults;
  }

  /** The picture has moved for a while: the trouble is over. */
  healed(now_s: number): void {
    if (now_s - this.#last_s > SAME_TROUBLE_S) this.#faults = 0;
  }

  reset(): void {
    this.#faults = 0;
  }

  fault(kind: Fault, now_s: number, random: number): Remedy {
    if (now_s - this.#last_s > SAME_TROUBLE_S) this.#faults = 0;
    this.#last_s = now_s;
    if (this.#faults === 0) this.#since_s = now_s;
    this.#faults += 1;
    const longest_ms = now_s - this.#since_s < PATIENT_S ? LONGEST_MS : LONGEST_LATER_MS;
    const slow_ms = Math.min(longest_ms, 250 * 2 ** Math.min(8, this.#faults - 1)) * (0.8 + 0.4 * random);
    switch (kind) {
      case 'manifest':
        // The stream is about to start, or the server is away: asking is all there is to do.
        return { action: 'restart', delay_ms: slow_ms };
      case 'network':
        return { action: this.#faults <= 2 ? 'resume' : 'restart', delay_ms: slow_ms };
      case 'frozen':
        return { action: this.#faults <= 1 ? 'resume' : 'restart', delay_ms: this.#faults <= 1 ? 0 : slow_ms };
      case 'media':
        return { action: this.#faults <= 2 ? 'renew-media' : 'restart', delay_ms: this.#faults <= 1 ? 0 : slow_ms };
      case 'other':
        return { action: 'restart', delay_ms: slow_ms };
    }
  }
}
