import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';

/**
 * hls.js compiled from the TypeScript sources that its package carries, without what our streams never use.
 *
 * Its ready builds are either everything (178 KB gzipped) or "light", which lacks audio groups, and our
 * sound is always a group of its own. hls.js leaves parts out by these constants in its own build; with
 * them set here we get the full player less DRM, subtitles, adverts and the like: 120 KB.
 */
const CONSTANTS: Record<string, boolean> = {
  __USE_ALT_AUDIO__: true,
  __USE_MEDIA_CAPABILITIES__: true,
  __USE_CMCD__: false,
  __USE_CONTENT_STEERING__: false,
  __USE_EME_DRM__: false,
  __USE_IFRAMES__: false,
  __USE_INTERSTITIALS__: false,
  __USE_M2TS_ADVANCED_CODECS__: false,
  __USE_SUBTITLES__: false,
  __USE_VARIABLE_SUBSTITUTION__: false,
};

export function hlsFromSource(): Plugin {
  const source = fileURLToPath(new URL('../node_modules/hls.js/src/', import.meta.url));
  return {
    name: 'hls-from-source',
    enforce: 'pre',
    config: () => ({
      define: {
        ...Object.fromEntries(Object.entries(CONSTANTS).map(([name, used]) => [name, String(used)])),
        __VERSION__: '"1.7"',
        __IN_WORKER__: 'false',
      },
    }),
    resolveId(id) {
      return id === 'hls.js' ? `${source}hls.ts` : null;
    },
  };
}
