/** What a text rendition's media playlist offers (RFC 8216bis 4.4): small documents, each with its date. Pure. */
import { attributesOf } from '../m3u8.ts';

export interface TextDocument {
  uri: string;
  /** When it begins, by the stream's dates: Unix milliseconds. */
  at_ms: number;
  duration_s: number;
}

export interface TextPlaylist {
  /** Parts where the playlist still has them, whole segments before. Gaps are left out. */
  documents: TextDocument[];
  /** What to ask the next playlist for: the part after the newest one. */
  next: { msn: number; part: number };
  /** The server answers when `next` is there. */
  blocks: boolean;
  target_s: number;
  ended: boolean;
}

/** null where it is no playlist, or says no dates: then nothing could be shown at its time. */
export function readTextPlaylist(text: string): TextPlaylist | null {
  const lines = text.split(/\r?\n/);
  if (lines[0] !== '#EXTM3U') return null;
  const documents: TextDocument[] = [];
  let msn = 0;
  let parts: TextDocument[] = [];
  let part = 0;
  let at_ms = Number.NaN;
  let part_at_ms = Number.NaN;
  let duration_s = 0;
  let gap = false;
  let blocks = false;
  let target_s = 2;
  let ended = false;
  for (const line of lines) {
    const [tag = '', value = ''] = split(line);
    switch (tag) {
      case '#EXT-X-MEDIA-SEQUENCE':
        msn = Number(value);
        break;
      case '#EXT-X-TARGETDURATION':
        target_s = Number(value);
        break;
      case '#EXT-X-SERVER-CONTROL':
        blocks = attributesOf(value)['CAN-BLOCK-RELOAD'] === 'YES';
        break;
      case '#EXT-X-PROGRAM-DATE-TIME':
        at_ms = Date.parse(value);
        part_at_ms = at_ms;
        break;
      case '#EXTINF':
        duration_s = Number.parseFloat(value);
        break;
      case '#EXT-X-GAP':
        gap = true;
        break;
      case '#EXT-X-ENDLIST':
        ended = true;
        break;
      case '#EXT-X-PART': {
        const { URI: uri = '', DURATION: duration = '0', GAP: lost } = attributesOf(value);
        const document = { uri, at_ms: part_at_ms, duration_s: Number.parseFloat(duration) };
        part_at_ms += document.duration_s * 1000;
        part += 1;
        if (lost !== 'YES') parts.push(document);
        break;
      }
      default:
        if (line === '' || line.startsWith('#')) break;
        if (part > 0) documents.push(...parts);
        else if (!gap) documents.push({ uri: line, at_ms, duration_s });
        at_ms += duration_s * 1000;
        part_at_ms = at_ms;
        parts = [];
        part = 0;
        gap = false;
        msn += 1;
    }
  }
  documents.push(...parts);
  if (!Number.isFinite(msn) || documents.some((document) => Number.isNaN(document.at_ms))) return null;
  return { documents, next: { msn, part }, blocks, target_s, ended };
}

function split(line: string): [string, string] {
  const colon = line.indexOf(':');
  return colon < 0 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1)];
}
