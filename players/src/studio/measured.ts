/** What `GET /api/v1/streams/{stream}/statistics` says, read leniently: a field that is missing is null. Pure. */

export type RungState = 'passed' | 'encoded' | 'given up';

export interface RungMeasured {
  name: string;
  encoder: string | null;
  /** How many seconds of media one second of encoding makes; null where nothing is encoded. */
  speed: number | null;
  state: RungState | null;
  part_lateness_s: number | null;
  bitrate_bps: number | null;
}

export interface Measured {
  state: string | null;
  input_bps: number | null;
  fps: number | null;
  keyframe_interval_s: number | null;
  timestamp_corrections: number | null;
  latency_s: number | null;
  viewers_total: number | null;
  /** By protocol, without the total. */
  viewers: Record<string, number>;
  bytes_out: number | null;
  dropped_units: number | null;
  renditions: RungMeasured[];
  /** How long the key of a publisher that was thrown out is still barred. */
  barred_s: number | null;
  /** How long viewers are kept although nobody sends; null while somebody does. */
  grace_left_s: number | null;
  worker: { state: string; restarts: number } | null;
}

const RUNG_STATES: readonly RungState[] = ['passed', 'encoded', 'given up'];

export function readMeasured(answer: unknown): Measured {
  const raw = record(answer);
  const viewers = Object.fromEntries(
    Object.entries(record(raw['viewers'])).filter((entry): entry is [string, number] => number(entry[1]) !== null),
  );
  const { total, ...byProtocol } = viewers;
  const state = text(raw['state']);
  const rungs = list(raw['renditions']).map(readRung).filter((rung) => rung.name !== '');
  const worker = raw['worker'] === null || raw['worker'] === undefined ? null : record(raw['worker']);
  return {
    state,
    input_bps: number(raw['input_bps']),
    fps: fastest(raw['fps']),
    keyframe_interval_s: number(raw['keyframe_interval_s']),
    timestamp_corrections: number(raw['timestamp_corrections']),
    latency_s: number(raw['latency_s']),
    viewers_total: total ?? number(raw['viewers']),
    viewers: byProtocol,
    bytes_out: number(raw['bytes_out']),
    dropped_units: number(raw['dropped_units']),
    // While nobody sends, the last parts of the broadcaster are told again and again.
    renditions: state === null || state === 'live' ? rungs : rungs.map((rung) => ({ ...rung, part_lateness_s: null })),
    barred_s: number(raw['barred_s']),
    grace_left_s: number(raw['grace_left_s']),
    worker: worker && { state: text(worker['state']) ?? 'unknown', restarts: number(worker['restarts']) ?? 0 },
  };
}

function readRung(answer: unknown): RungMeasured {
  const raw = record(answer);
  const state = text(raw['state'])?.replace('_', ' ');
  return {
    name: text(raw['name']) ?? '',
    encoder: text(raw['encoder']),
    speed: number(raw['speed']),
    state: RUNG_STATES.find((each) => each === state) ?? null,
    part_lateness_s: number(raw['part_lateness_s']),
    bitrate_bps: number(raw['bitrate_bps']),
  };
}

/** One number, or one for each picture track: then the first picture's, which is the fastest in practice. */
function fastest(value: unknown): number | null {
  const single = number(value);
  if (single !== null) return single;
  const numbers = Object.values(record(value)).map(number).filter((each) => each !== null);
  return numbers.length === 0 ? null : Math.max(...numbers);
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
function number(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}
function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}
