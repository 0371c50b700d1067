import type { Plugin } from 'vite';

/**
 * Two changes to hls.js 1.7.4, both in how its sound waits for the picture of the same discontinuity, to know
 * how to shift its time.
 */
const FILE = /\/hls\.js\/src\/controller\/audio-stream-controller\.ts$/;

interface Change {
  why: string;
  before: string;
  after: string;
}

const CHANGES: Change[] = [
  {
    why: `After a restart of the server the newest thing before the live edge is a gap: no picture ever comes for
      it, so the sound waited for ever and the player with it. A gap needs no shift: it is passed over, as the
      picture's own loader does.`,
    before: 'if (track.details?.live && !this.initPTS[frag.cc]) {',
    after: 'if (track.details?.live && !this.initPTS[frag.cc] && !frag.gap) {',
  },
  {
    why: `When the picture's time is known, sound that has loaded nothing yet went on only at the next tick but
      one, up to 200 ms later: in every first picture.`,
    before: `          this.syncWithAnchor(frag, waitingData?.frag);
        }
      } else if (`,
    after: `          this.syncWithAnchor(frag, waitingData?.frag);
        } else {
          if (!waitingData) this.state = State.IDLE;
          this.tick();
        }
      } else if (`,
  },
];

export function hlsMended(): Plugin {
  return {
    name: 'hls-mended',
    enforce: 'pre',
    transform(code, id) {
      if (!FILE.test(id.split('?')[0] ?? '')) return null;
      for (const { before, after } of CHANGES) {
        if (code.split(before).length !== 2) throw new Error('hls.js has changed: look at build/hls-mended.ts again');
        code = code.replace(before, after);
      }
      return { code, map: null };
    },
  };
}
