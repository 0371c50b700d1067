/** Asks again and again: with a pause that the asker chooses, longer after failures, seldom while hidden. */

/** Pause in ms after this many failures in a row: 1, 2, 4, … up to 30 s. */
export function backOff_ms(failures: number, random: number): number {
  const full = Math.min(30_000, 1000 * 2 ** Math.min(10, Math.max(0, failures - 1)));
  // Some jitter, so that a restarted server does not meet all its pages at the same instant.
  return Math.round(full * (0.75 + random * 0.5));
}

export class Poller {
  readonly #ask: () => Promise<number>;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #running = false;
  #asking = false;

  /** `ask` does one round and answers the pause in ms until the next; it throws when the round failed. */
  constructor(ask: () => Promise<number>) {
    this.#ask = ask;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    document.addEventListener('visibilitychange', this.#onVisibility);
    void this.#round();
  }

  stop(): void {
    this.#running = false;
    clearTimeout(this.#timer);
    document.removeEventListener('visibilitychange', this.#onVisibility);
  }

  /** Asks now, whatever the pause was. */
  now(): void {
    if (this.#running) void this.#round();
  }

  readonly #onVisibility = (): void => {
    if (document.visibilityState === 'visible') this.now();
  };

  async #round(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    clearTimeout(this.#timer);
    let pause_ms: number;
    try {
      pause_ms = await this.#ask();
      this.#failures = 0;
    } catch {
      this.#failures += 1;
      pause_ms = backOff_ms(this.#failures, Math.random());
    } finally {
      this.#asking = false;
    }
    if (!this.#running) return;
    if (document.visibilityState === 'hidden') pause_ms = Math.max(pause_ms, 30_000);
    this.#timer = setTimeout(() => void this.#round(), pause_ms);
  }
}
