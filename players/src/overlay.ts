/** What is said over the picture. Pure: the stream's state and the player's phase decide. */
import type { StreamState } from './api.ts';
import type { Phase } from './playback.ts';

/** The server's word on the stream, or why there is none. */
export type Known = StreamState | 'asking' | 'missing' | 'private' | 'unreachable';

export interface Overlay {
  kind: 'soon' | 'starting' | 'loading' | 'interrupted' | 'ended' | 'missing' | 'private' | 'unreachable' | 'click';
  title: string;
  text: string;
  /** Something is being waited for: show that the page is awake. */
  waiting: boolean;
  /** The last picture stays visible behind it. */
  light: boolean;
}

/** `picture`: one has been shown. `invited`: the page's address has a token in it. */
export function overlayFor(known: Known, phase: Phase, picture: boolean, invited = false): Overlay | null {
  // A moving picture needs no words: what is in the buffer plays on while the state is already another.
  if (phase === 'playing' || phase === 'paused') return null;
  if (phase === 'blocked') {
    return { kind: 'click', title: 'Play', text: '', waiting: false, light: true };
  }
  switch (known) {
    case 'private':
      if (invited) {
        return say('private', 'This link is no longer good', 'It has run out, or is for another stream. Ask the broadcaster for a new one.');
      }
      return say('private', 'This stream is private', 'Ask the broadcaster for a link that lets you in.');
    case 'missing':
      return wait('missing', 'Nothing here yet', 'No stream has this name. If one starts, this page plays it.');
    case 'offline':
      return wait('soon', 'Starts soon', 'This page begins to play by itself.');
    case 'ended':
      return say('ended', 'This broadcast has ended', 'Thank you for watching. If it returns, this page plays on.');
    case 'interrupted':
      return { ...wait('interrupted', 'Be right back', 'The broadcast has stopped for a moment. It goes on here as soon as it returns.'), light: picture };
    case 'unreachable':
      return { ...wait('unreachable', 'No connection', 'The server does not answer. Trying again.'), light: picture };
    case 'starting':
      return wait('starting', 'Starting', 'The first picture is on its way.');
    case 'asking':
    case 'live':
      return phase === 'ended'
        ? say('ended', 'This broadcast has ended', 'Thank you for watching. If it returns, this page plays on.')
        : { kind: 'loading', title: '', text: '', waiting: true, light: true };
  }
}

/** A quiet word in a corner of a picture that moves: the server shows a slate meanwhile. */
export function badgeFor(known: Known, phase: Phase): string | null {
  return known === 'interrupted' && phase === 'playing' ? 'Waiting for the broadcaster' : null;
}

function say(kind: Overlay['kind'], title: string, text: string): Overlay {
  return { kind, title, text, waiting: false, light: false };
}

function wait(kind: Overlay['kind'], title: string, text: string): Overlay {
  return { ...say(kind, title, text), waiting: true };
}
