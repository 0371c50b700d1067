import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { hlsFromSource } from './build/hls-from-source.ts';
import { hlsMended } from './build/hls-mended.ts';
import { mediaChromeUnderStrictCsp } from './build/media-chrome-csp.ts';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: here('.'),
  base: '/',
  plugins: [hlsFromSource(), hlsMended(), mediaChromeUnderStrictCsp()],
  build: {
    outDir: here('../mediaserver/web/pages/dist'),
    emptyOutDir: true,
    target: 'es2022',
    // Data URLs would widen the policy that the server sends.
    assetsInlineLimit: 0,
    // Every supported browser preloads modules by itself.
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
    // The limit that counts is in tests/built: the whole watch page, gzipped.
    chunkSizeWarningLimit: 900,
    rollupOptions: { input: { index: here('index.html'), studio: here('studio.html'), watch: here('watch.html') } },
  },
  optimizeDeps: { exclude: ['hls.js', 'media-chrome'] },
  test: {
    environment: 'happy-dom',
    include: ['tests/**/*.test.ts'],
  },
});
