/** Which graphs the studio shows, and how their values read. Pure. */
import type { Measured } from './measured.ts';

export interface GraphKind {
  id: string;
  title: string;
  unit: string;
  /** What is drawn, by name; the first that was measured is the one that is told in large figures. */
  lines: (measured: Measured) => Record<string, number | null>;
  /** A value in words, without its unit. */
  text: (value: number) => string;
  /** The axis reaches at least here, so that a steady line does not look like a storm. */
  reach: number;
  /** A limit that matters, drawn as a dashed line. */
  limit?: number;
}

const fixed = (digits: number) => (value: number) => value.toFixed(digits);

export const GRAPHS: readonly GraphKind[] = [
  {
    id: 'bitrate',
    title: 'Bitrate',
    unit: 'Mbit/s',
    lines: ({ input_bps, renditions }) => ({
      input: scaled(input_bps, 1e-6),
      ...Object.fromEntries(renditions.map((rung) => [rung.name, scaled(rung.bitrate_bps, 1e-6)])),
    }),
    text: fixed(2),
    reach: 1,
  },
  {
    id: 'fps',
    title: 'Pictures',
    unit: 'per second',
    lines: ({ fps }) => ({ input: fps }),
    text: fixed(1),
    reach: 30,
  },
  {
    id: 'speed',
    title: 'Encode speed',
    unit: '× real time',
    lines: ({ renditions }) =>
      Object.fromEntries(renditions.filter((rung) => rung.speed !== null).map((rung) => [rung.name, rung.speed])),
    text: fixed(2),
    reach: 2,
    limit: 1,
  },
  {
    id: 'latency',
    title: 'Latency in the server',
    unit: 's',
    lines: ({ latency_s }) => ({ latency: latency_s }),
    text: fixed(2),
    reach: 0.5,
  },
  {
    id: 'viewers',
    title: 'Viewers',
    unit: 'now',
    lines: ({ viewers_total, viewers }) => ({
      all: viewers_total,
      ...Object.fromEntries(Object.entries(viewers).map(([protocol, count]) => [protocol.toUpperCase(), count])),
    }),
    text: fixed(0),
    reach: 4,
  },
  {
    id: 'lateness',
    title: 'Parts late',
    unit: 'ms',
    lines: ({ renditions }) =>
      Object.fromEntries(renditions.map((rung) => [rung.name, scaled(rung.part_lateness_s, 1000)])),
    text: fixed(0),
    reach: 100,
  },
];

/** What a screen reader hears instead of the picture. */
export function graphText(kind: GraphKind, latest: readonly [name: string, value: number | null][]): string {
  const told = latest.flatMap(([name, value]) => (value === null ? [] : [`${name} ${kind.text(value)}`]));
  return `${kind.title}, ${kind.unit}: ${told.length === 0 ? 'nothing measured yet' : told.join(', ')}`;
}

function scaled(value: number | null, factor: number): number | null {
  return value === null ? null : value * factor;
}
