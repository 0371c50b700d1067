import type { Plugin } from 'vite';

/**
 * One change to hls.js 1.7.4. Its audio waits for the picture of the same discontinuity before it loads
 * anything, to know how to shift its time. After a restart of the server the newest thing before the live edge
 * is a gap: no picture ever comes for it, so the sound waited for ever and the player with it. A gap needs no
 * shift: it is passed over, as the picture's own loader does.
 */
const FILE = /\/hls\.js\/src\/controller\/audio-stream-controller\.ts$/;
const BEFORE = 'if (track.details?.live && !this.initPTS[frag.cc]) {';
const AFTER = 'if (track.details?.live && !this.initPTS[frag.cc] && !frag.gap) {';

export function hlsMended(): Plugin {
  return {
    name: 'hls-mended',
    enforce: 'pre',
    transform(code, id) {
      if (!FILE.test(id.split('?')[0] ?? '')) return null;
      if (code.split(BEFORE).length !== 2) throw new Error('hls.js has changed: look at build/hls-mended.ts again');
      return { code: code.replace(BEFORE, AFTER), map: null };
    },
  };
}
