import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';

/**
 * media-chrome keeps its styles in <style> elements and writes rules into their sheets. Under
 * `style-src 'self'` the browser refuses those elements. This swaps the two functions that write rules for
 * ours, which use constructable style sheets; src/media-chrome/styles.ts does the same for the templates.
 */
export function mediaChromeUnderStrictCsp(): Plugin {
  const ours = fileURLToPath(new URL('../src/media-chrome/element-utils.ts', import.meta.url));
  return {
    name: 'media-chrome-under-strict-csp',
    enforce: 'pre',
    resolveId(id, importer) {
      const fromMediaChrome = importer?.includes('/media-chrome/dist/') ?? false;
      return fromMediaChrome && id.endsWith('utils/element-utils.js') ? ours : null;
    },
  };
}
