/** What a browser tab remembers. Storage may be forbidden (third-party frames): then nothing is remembered. */
import type { CaptionChoice } from './captions/choice.ts';

function read(storage: () => Storage, key: string): string | null {
  try {
    return storage().getItem(key);
  } catch {
    return null;
  }
}

function write(storage: () => Storage, key: string, value: string | null): void {
  try {
    if (value === null) storage().removeItem(key);
    else storage().setItem(key, value);
  } catch {
    // Not remembered, then.
  }
}

const tab = () => sessionStorage;
const browser = () => localStorage;

/** The operator's token: for this tab only, and never in an address. */
export const operatorToken = {
  get: (): string | null => read(tab, 'mediaserver.operator'),
  set: (token: string | null): void => write(tab, 'mediaserver.operator', token),
};

/** The link's last measured speed, so that the next player starts on the right rung at once. */
export const linkSpeed = {
  get(): number | null {
    const value = Number(read(browser, 'mediaserver.bandwidth_bps'));
    return Number.isFinite(value) && value > 0 ? value : null;
  },
  set: (bps: number): void => write(browser, 'mediaserver.bandwidth_bps', String(Math.round(bps))),
};

/** The captions that this viewer has chosen last; null for none. */
export const captionChoice = {
  get(): CaptionChoice | null {
    try {
      const value: unknown = JSON.parse(read(browser, 'mediaserver.captions') ?? 'null');
      if (typeof value !== 'object' || value === null) return null;
      const { language, name } = value as Record<string, unknown>;
      return typeof language === 'string' && typeof name === 'string' ? { language, name } : null;
    } catch {
      return null;
    }
  },
  set: (choice: CaptionChoice | null): void =>
    write(browser, 'mediaserver.captions', choice && JSON.stringify(choice)),
};

/** Names one viewer (one opened page) to the server's count. Says nothing about the person. */
export function newViewerSession(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
