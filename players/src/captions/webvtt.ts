/** Cues of a WebVTT document (W3C WebVTT 4), as far as captions of live streams use it. Pure. */

export interface Cue {
  /** Seconds after the beginning of the document. */
  start_s: number;
  end_s: number;
  /** With the tags that WebVTT allows. */
  text: string;
  /** Distance from the top in percent; null leaves it to the browser: at the bottom. */
  line_percent: number | null;
  position_percent: number | null;
  align: 'start' | 'center' | 'end' | null;
}

const TIMING = /^([\d:.]+)[ \t]+-->[ \t]+([\d:.]+)(.*)$/;
const TIMESTAMP = /^(?:(\d{2,}):)?([0-5]\d):([0-5]\d)\.(\d{3})$/;
const MAP = /^X-TIMESTAMP-MAP=.*?\bLOCAL:([\d:.]+)/m;
/** More in one document is no caption. */
const MOST_CUES = 200;

/**
 * Times are told from the document's own beginning: what `X-TIMESTAMP-MAP` calls LOCAL (RFC 8216bis 3.1.4)
 * is where the playlist's date for this document points to.
 */
export function readWebVtt(text: string): Cue[] {
  const body = text.replace(/^\uFEFF/, '').replace(/\r\n?/g, '\n');
  if (!/^WEBVTT(?:[ \t\n]|$)/.test(body)) return [];
  const blocks = body.split(/\n\n+/);
  const local_s = timestamp_s(MAP.exec(blocks[0] ?? '')?.[1] ?? '') ?? 0;
  return blocks
    .slice(1)
    .map((block) => readCue(block, local_s))
    .filter((cue) => cue !== null)
    .slice(0, MOST_CUES);
}

function readCue(block: string, local_s: number): Cue | null {
  const lines = block.split('\n');
  const at = lines.findIndex((line) => line.includes('-->'));
  const [, from = '', to = '', settings = ''] = TIMING.exec(lines[at] ?? '') ?? [];
  const start_s = timestamp_s(from);
  const end_s = timestamp_s(to);
  const text = lines.slice(at + 1).join('\n').trim();
  if (start_s === null || end_s === null || end_s <= start_s || text === '') return null;
  return { start_s: start_s - local_s, end_s: end_s - local_s, text, ...readSettings(settings) };
}

function readSettings(settings: string): Pick<Cue, 'line_percent' | 'position_percent' | 'align'> {
  const said = new Map(settings.trim().split(/[ \t]+/).map((each) => each.split(':', 2) as [string, string]));
  const align = said.get('align');
  return {
    line_percent: percent(said.get('line')),
    position_percent: percent(said.get('position')),
    align: align === 'start' || align === 'center' || align === 'end' ? align : null,
  };
}

function percent(value: string | undefined): number | null {
  const [, digits] = /^(\d+(?:\.\d+)?)%(?:,|$)/.exec(value ?? '') ?? [];
  const number = Number(digits);
  return digits !== undefined && number <= 100 ? number : null;
}

function timestamp_s(text: string): number | null {
  const [whole, hours, minutes, seconds, milliseconds] = TIMESTAMP.exec(text) ?? [];
  if (whole === undefined) return null;
  return Number(hours ?? 0) * 3600 + Number(minutes) * 60 + Number(seconds) + Number(milliseconds) / 1000;
}
