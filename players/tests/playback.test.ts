import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Playback } from '../src/playback.ts';

/** Without media sources the browser's own HLS plays: then a fault is an `error` of the video element. */
function player(): Playback {
  const video = document.createElement('video');
  video.play = () => Promise.resolve();
  video.load = () => undefined;
  return new Playback(video, { technology: 'hls', url: '/live/mine/master.m3u8', session: 'session-1' });
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function fail(playback: Playback): void {
  playback.video.dispatchEvent(new Event('playing'));
  playback.video.dispatchEvent(new Event('error'));
}

it('begins again after a fault', () => {
  const playback = player();
  playback.start();
  fail(playback);
  vi.advanceTimersByTime(6000);
  expect(playback.statistics().restarts).toBe(1);
  playback.destroy();
});

it.each([
  ['stopped and started', (playback: Playback) => (playback.stop(), playback.start())],
  ['restarted', (playback: Playback) => playback.restart()],
])('mends a fault after it was %s while another one was being mended', (_words, interrupt) => {
  const playback = player();
  playback.start();
  fail(playback);
  interrupt(playback);
  fail(playback);
  vi.advanceTimersByTime(6000);
  expect(playback.statistics().restarts).toBe(1);
  playback.destroy();
});
