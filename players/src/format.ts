/** Values in words that people read. */
import type { Rendition, Stream } from './api.ts';

export function viewersText(count: number): string {
  return count === 1 ? '1 watching' : `${countText(count)} watching`;
}

export function countText(count: number): string {
  return count < 10_000 ? count.toLocaleString('en') : `${(count / 1000).toFixed(count < 100_000 ? 1 : 0)}k`;
}

export function bitrateText(bps: number | null | undefined): string {
  if (!bps) return '';
  return bps >= 1_000_000 ? `${(bps / 1_000_000).toFixed(1)} Mbit/s` : `${Math.round(bps / 1000)} kbit/s`;
}

/** `1.4 GB`; decimal units, as networks count. */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

/** How long something has run: `48 s`, `12 min`, `3 h 05 min`. */
export function elapsedText(started_at: string | null, now_ms: number): string {
  if (started_at === null) return '';
  const elapsed_s = Math.max(0, Math.floor((now_ms - Date.parse(started_at)) / 1000));
  if (!Number.isFinite(elapsed_s)) return '';
  if (elapsed_s < 60) return `${elapsed_s} s`;
  const minutes = Math.floor(elapsed_s / 60);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** A rung's name as a viewer knows it: `1080p60 source`, `720p`. */
export function rungName(
  rung: { name: string | null; height: number; width: number; frameRate: number },
  rendition: Rendition | undefined,
): string {
  // A portrait picture is named by its short side, as its encoder's user would.
  const lines = Math.min(rung.height || rendition?.height || 0, rung.width || rendition?.width || Infinity);
  const fast = rung.frameRate > 33 ? String(Math.round(rung.frameRate)) : '';
  const size = lines > 0 && Number.isFinite(lines) ? `${lines}p${fast}` : (rung.name ?? 'Video');
  return rendition?.passthrough || rung.name === 'source' ? `${size} source` : size;
}

/** A stream name made from a title: what the server accepts is `[A-Za-z0-9_-]{1,64}`. */
export function nameFromTitle(title: string): string {
  return title
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]/g, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 64);
}

export const STATE_WORDS: Record<Stream['state'], string> = {
  live: 'Live',
  starting: 'Starting',
  interrupted: 'Interrupted',
  ended: 'Ended',
  offline: 'Off air',
};

const ORDER: Record<Stream['state'], number> = { live: 0, starting: 1, interrupted: 2, ended: 3, offline: 4 };

/** For sorting: those on air first, then by name. */
export function byState(a: Stream, b: Stream): number {
  return ORDER[a.state] - ORDER[b.state] || a.name.localeCompare(b.name);
}

/** A BCP 47 tag as a language's name; the tag itself where the browser does not know it. */
export function languageName(tag: string): string {
  if (tag === '') return '';
  try {
    return new Intl.DisplayNames(['en'], { type: 'language' }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}
