/** Asks again and again: with a pause that the asker chooses, longer after failures, seldom while hidden. */

/** Pause in ms after this many failures in a row: 1, 2, 4, … seconds up to `longest_ms`. */
export function backOff_ms(failures: number, random: number, longest_ms = 30_000): number {
  const full = Math.min(longest_ms, 1000 * 2 ** Math.min(10, Math.max(0, failures - 1)));
  // Some jitter, so that a restarted server does not meet all its pages at the same instant.
  return Math.round(full * (0.75 + random * 0.5));
}

export class Poller {
  readonly #ask: () => Promise<number>;
  readonly #longest_ms: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #running = false;
  #asking = false;

  /** `ask` does one round and answers the pause in ms until the next; it throws when the round failed. */
  constructor(ask: () => Promise<number>, longest_ms?: number) {
    this.#ask = ask;
    this.#longest_ms = longest_ms;
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
      pause_ms = backOff_ms(this.#failures, Math.random(), this.#longest_ms);
    } finally {
      this.#asking = false;
    }
    if (!this.#running) return;
    if (document.visibilityState === 'hidden') pause_ms = Math.max(pause_ms, 30_000);
    this.#timer = setTimeout(() => void this.#round(), pause_ms);
  }
}
