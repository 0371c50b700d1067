/** What `window.mediaserverPlayer.statistics()` answers. */
export interface Statistics {
  /** Behind the broadcaster: by the stream's own dates where clocks agree, else behind the server's newest part. */
  latency_s: number;
  /** Behind the server's newest part. */
  distance_s: number;
  buffer_s: number;
  /** The rendition that is being shown, as the server names it. */
  level: string | null;
  dropped_frames: number;
  stalls: number;
  restarts: number;
  rate: number;
  target_s: number;
  /** From opening the page (or from the stream's start, if that came later) to its first picture. */
  first_frame_ms: number | null;
  bandwidth_bps: number | null;
}

/** The latency by dates, unless this machine's clock and the server's disagree: they may by anything. */
export function latencyBehind_s(shown_at_ms: number | null, now_ms: number, distance_s: number): number {
  if (shown_at_ms === null) return distance_s;
  const latency_s = (now_ms - shown_at_ms) / 1000;
  return latency_s > distance_s - 0.5 && latency_s < distance_s + 3 ? latency_s : distance_s;
}
