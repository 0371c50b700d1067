import { describe, expect, it } from 'vitest';
import { badgeFor, overlayFor, type Known } from '../src/overlay.ts';
import { knownFromError, pauseFor_ms } from '../src/stream-watch.ts';
import { ApiError } from '../src/api.ts';

const ALL: Known[] = ['offline', 'starting', 'live', 'interrupted', 'ended', 'asking', 'missing', 'private', 'unreachable'];

describe('over the picture', () => {
  it.each(ALL)('nothing is said while it moves (%s)', (known) => {
    expect(overlayFor(known, 'playing', true)).toBeNull();
    expect(overlayFor(known, 'paused', true)).toBeNull();
  });

  it.each([
    ['offline', 'Starts soon'],
    ['interrupted', 'Be right back'],
    ['ended', 'This broadcast has ended'],
    ['private', 'This stream is private'],
    ['missing', 'Nothing here yet'],
  ] as const)('a stream that is %s is told as “%s”', (known, title) => {
    expect(overlayFor(known, 'idle', false)?.title).toBe(title);
  });

  it('the last picture stays behind an interruption, where there is one', () => {
    expect(overlayFor('interrupted', 'stalled', true)?.light).toBe(true);
    expect(overlayFor('interrupted', 'loading', false)?.light).toBe(false);
  });

  it('a link that lets nobody in is told as such', () => {
    expect(overlayFor('private', 'idle', false, true)?.title).toBe('This link is no longer good');
    expect(overlayFor('missing', 'idle', false, true)?.title).toBe('Nothing here yet');
  });

  it('loading is quiet', () => {
    expect(overlayFor('live', 'loading', false)).toMatchObject({ kind: 'loading', title: '' });
    expect(overlayFor('asking', 'loading', false)).toMatchObject({ kind: 'loading' });
  });

  it('the end of the playlist is an end even before the state says so', () => {
    expect(overlayFor('live', 'ended', true)?.kind).toBe('ended');
  });

  it('a browser that wants a click gets a button', () => {
    expect(overlayFor('live', 'blocked', false)?.kind).toBe('click');
  });
});

describe('following the state', () => {
  it('asks often while something is about to happen, seldom otherwise', () => {
    expect(pauseFor_ms('starting')).toBeLessThanOrEqual(1000);
    expect(pauseFor_ms('offline')).toBeLessThanOrEqual(3000);
    expect(pauseFor_ms('live')).toBe(10_000);
    expect(pauseFor_ms('private')).toBeGreaterThanOrEqual(10_000);
  });

  it('tells a stream’s errors from the server’s', () => {
    expect(knownFromError(new ApiError(404, 'not_found', ''))).toBe('missing');
    expect(knownFromError(new ApiError(401, 'unauthenticated', ''))).toBe('private');
    expect(knownFromError(new ApiError(403, 'forbidden', ''))).toBe('private');
    expect(knownFromError(new ApiError(503, 'busy', ''))).toBeNull();
    expect(knownFromError(new Error('x'))).toBeNull();
  });
});

it('says quietly that a moving picture is a slate', () => {
  expect(badgeFor('interrupted', 'playing')).toBe('Waiting for the broadcaster');
  expect(badgeFor('interrupted', 'stalled')).toBeNull();
  expect(badgeFor('live', 'playing')).toBeNull();
});
