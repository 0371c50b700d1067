/** What the operator reads while nobody sends: who may come in, and what viewers see meanwhile. Pure. */
import type { StreamState } from '../api.ts';
import type { Measured } from './measured.ts';

export function nobodyWords(state: StreamState, measured: Pick<Measured, 'barred_s' | 'grace_left_s'> | null): string[] {
  const barred_s = Math.ceil(measured?.barred_s ?? 0);
  return [
    barred_s > 0
      ? `Nobody is sending. The publisher was thrown out: its key is barred for ${barred_s} s more, or until you make a new key.`
      : "Nobody is sending. With the stream's key it begins by itself.",
    viewersWords(state, measured?.grace_left_s ?? null),
  ];
}

function viewersWords(state: StreamState, grace_left_s: number | null): string {
  switch (state) {
    case 'interrupted': {
      const until = grace_left_s === null ? '' : ` for ${Math.ceil(grace_left_s)} s more; then the broadcast is over`;
      return `Viewers see that it goes on soon${until}.`;
    }
    case 'ended':
      return 'Viewers see that the broadcast has ended.';
    case 'offline':
    case 'starting':
    case 'live':
      return 'Viewers see that it starts soon.';
  }
}
