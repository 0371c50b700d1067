/** The last minutes of some measurements, as columns of one length. Pure. */

export interface Columns {
  /** Unix seconds. */
  times_s: readonly number[];
  names: readonly string[];
  /** One column for each name; null where nothing was measured. */
  values: readonly (readonly (number | null)[])[];
}

export class History {
  readonly #span_s: number;
  #times_s: number[] = [];
  readonly #columns = new Map<string, (number | null)[]>();

  constructor(span_s: number) {
    this.#span_s = span_s;
  }

  /** Time does not go back: an earlier moment than the last is left out. */
  add(now_s: number, measured: Record<string, number | null>): void {
    const last_s = this.#times_s.at(-1);
    if (last_s !== undefined && now_s <= last_s) return;
    for (const name of Object.keys(measured)) {
      if (!this.#columns.has(name)) this.#columns.set(name, this.#times_s.map(() => null));
    }
    this.#times_s.push(now_s);
    for (const [name, column] of this.#columns) column.push(measured[name] ?? null);
    this.#forget(now_s - this.#span_s);
  }

  columns(): Columns {
    return { times_s: this.#times_s, names: [...this.#columns.keys()], values: [...this.#columns.values()] };
  }

  #forget(before_s: number): void {
    const kept = this.#times_s.findIndex((time_s) => time_s >= before_s);
    if (kept <= 0) return;
    this.#times_s = this.#times_s.slice(kept);
    for (const [name, column] of this.#columns) {
      const rest = column.slice(kept);
      // A rendition that was gone the whole time leaves the graph.
      if (rest.every((value) => value === null)) this.#columns.delete(name);
      else this.#columns.set(name, rest);
    }
  }
}
