// @vitest-environment node
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';

/** What `npm run build` made. Skipped where nothing is built. */
const DIST = fileURLToPath(new URL('../../../mediaserver/web/pages/dist/', import.meta.url));
const WATCH_BUDGET_BYTES = 250 * 1024;

/** A page and every file that it loads at once: what its HTML names, and what those modules import statically. */
function filesOf(page: string): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  const queue = [page];
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    if (files.has(name)) continue;
    const body = readFileSync(DIST + name);
    files.set(name, body);
    const named = name.endsWith('.html')
      ? [...body.toString().matchAll(/(?:src|href)="\/([^"]+)"/g)].map((match) => match[1]!)
      : [...body.toString().matchAll(/(?:from|import)\s*["'`]\.\/([^"'`]+)["'`]/g)].map((match) => `assets/${match[1]}`);
    queue.push(...named);
  }
  return files;
}

describe.skipIf(!existsSync(`${DIST}watch.html`))('the built pages', () => {
  it('load the watch page with at most 250 KB, gzipped', () => {
    const files = filesOf('watch.html');
    const bytes = [...files.values()].reduce((sum, body) => sum + gzipSync(body, { level: 9 }).length, 0);
    console.info(`watch page: ${(bytes / 1024).toFixed(1)} KiB gzipped in ${files.size} files`);
    expect(files.size).toBeGreaterThanOrEqual(3);
    expect(bytes).toBeLessThanOrEqual(WATCH_BUDGET_BYTES);
  });

  it('load dash.js only where it is asked for', () => {
    const dash = [...filesOf('watch.html').keys()].filter((name) => /\/dash-/.test(name));
    expect(dash).toEqual([]);
    expect(readdirSync(`${DIST}assets`).filter((name) => name.startsWith('dash-'))).toHaveLength(1);
  });

  it.each(['index.html', 'watch.html', 'studio.html'])('%s has no inline script, style or handler', (page) => {
    const html = readFileSync(DIST + page, 'utf8');
    expect(html).not.toMatch(/<script(?![^>]*\ssrc=)/);
    expect(html).not.toMatch(/<style|\sstyle=|\son\w+=/);
  });

  it.each(['index.html', 'watch.html', 'studio.html'])('%s loads nothing from elsewhere', (page) => {
    for (const [name, body] of filesOf(page)) {
      if (name.endsWith('.html')) expect(body.toString()).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
    }
  });

  it('evaluate no strings as code, which the policy forbids', () => {
    for (const [name, body] of filesOf('watch.html')) {
      if (name.endsWith('.js')) expect(body.toString()).not.toMatch(/\beval\(|new Function\(/);
    }
  });
});
