/** Notices a picture that stands still although it should move. Pure: time is an argument. */

/** A picture that has moved may rest this long. */
const FROZEN_S = 4;
/** One that has not begun yet. */
const STARTING_S = 5;
/** A link too slow for this needs time, not another beginning: each freeze is given twice the patience. */
const LONGEST_S = 40;

export interface Moment {
  now_s: number;
  /** The video element's clock. */
  at_s: number;
  /** Whether it is expected to move: wanted, not paused, visible, and the server has something to show. */
  expected: boolean;
  /** A picture of this attempt has been shown. */
  picture: boolean;
}

export class FreezeWatch {
  #at_s = -1;
  #moved_at_s = 0;
  #freezes = 0;

  /** Patience begins anew: something was just done about it. */
  rest(now_s: number): void {
    this.#moved_at_s = now_s;
  }

  /** `moved`: since the last look. `frozen`: for longer than a healthy player may. */
  look(moment: Moment): { moved: boolean; frozen: boolean } {
    const moved = moment.at_s !== this.#at_s;
    this.#at_s = moment.at_s;
    if (moved || !moment.expected) this.#moved_at_s = moment.now_s;
    if (moved && moment.picture) this.#freezes = 0;
    const patience_s = Math.min(LONGEST_S, (moment.picture ? FROZEN_S : STARTING_S) * 2 ** this.#freezes);
    const frozen = moment.now_s - this.#moved_at_s > patience_s;
    if (frozen) {
      this.#freezes += 1;
      this.#moved_at_s = moment.now_s;
    }
    return { moved, frozen };
  }
}
