import { describe, expect, it } from 'vitest';
import {
  liveBase,
  manifestUrl,
  parseStudioAddress,
  parseWatchAddress,
  publishAddress,
  renditionOf,
  watchLink,
  withSession,
} from '../src/address.ts';

const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl';
const parse = (text: string) => parseWatchAddress(new URL(text, 'https://media.example'));

describe('the watch page’s address', () => {
  it('names the stream', () => {
    expect(parse('/watch/my_Stream-1')).toEqual({ stream: 'my_Stream-1', token: null, embed: false, technology: 'hls' });
    expect(parse('/watch/mine/')?.stream).toBe('mine');
  });

  it('asks for the player alone', () => {
    expect(parse('/watch/mine?embed=1')?.embed).toBe(true);
    expect(parse('/watch/mine?embed=0')?.embed).toBe(false);
  });

  it('takes the token from the fragment, never from the query', () => {
    expect(parse(`/watch/mine#token=${JWT}`)?.token).toBe(JWT);
    expect(parse(`/watch/mine?token=${JWT}`)?.token).toBeNull();
  });

  it('takes the token from the path of private media', () => {
    expect(parse(`/t/${JWT}/watch/mine?embed=1`)).toEqual({ stream: 'mine', token: JWT, embed: true, technology: 'hls' });
    expect(parse('/t/nonsense/watch/mine')).toEqual({ stream: 'mine', token: null, embed: false, technology: 'hls' });
  });

  it.each(['../../etc', 'a.b', 'a.b.c/../../d', '%2e%2e', ''])('refuses the token %j, which would change the path', (token) => {
    expect(parse(`/watch/mine#token=${token}`)?.token).toBeNull();
  });

  it.each(['/watch/', '/watch/a/b', '/watch/a%2fb', `/watch/${'x'.repeat(65)}`, '/watch/ü', '/'])('is none: %s', (path) => {
    expect(parse(path)).toBeNull();
  });
});

it('puts private media under their prefix', () => {
  expect(liveBase('mine', null)).toBe('/live/mine');
  expect(liveBase('mine', JWT)).toBe(`/t/${JWT}/live/mine`);
});

describe('the viewer’s session', () => {
  it('goes with every playlist, beside what is asked for', () => {
    expect(withSession('/live/mine/master.m3u8', 'abc')).toBe('/live/mine/master.m3u8?session=abc');
    expect(withSession('/live/mine/720p/media.m3u8?_HLS_msn=7&_HLS_part=2', 'abc')).toBe(
      '/live/mine/720p/media.m3u8?_HLS_msn=7&_HLS_part=2&session=abc',
    );
  });

  it('is set once, not twice', () => {
    const once = withSession('https://h/x/media.m3u8?session=abc', 'abc');
    expect(once).toBe('https://h/x/media.m3u8?session=abc');
  });

  it.each(['/live/mine/720p/e-7.m4s', '/live/mine/720p/e-7.3.m4s', '/live/mine/720p/e-i0.mp4'])(
    'does not go with %s, which caches share',
    (url) => {
      expect(withSession(url, 'abc')).toBe(url);
    },
  );
});

it('finds the rendition in a playlist’s address', () => {
  expect(renditionOf('https://h/live/mine/720p/media.m3u8')).toBe('720p');
  expect(renditionOf('https://h/t/a.b.c/live/mine/source/media.m3u8?session=1')).toBe('source');
  expect(renditionOf('')).toBeNull();
});

describe('where to publish', () => {
  it('is told as OBS and ffmpeg want it', () => {
    expect(publishAddress('rtmp://media.example:1935/live/mine', 'mine', 'k3y', 'x')).toEqual({
      server: 'rtmp://media.example:1935/live',
      streamKey: 'mine?key=k3y',
      ffmpeg: 'ffmpeg -re -i FILE -c copy -f flv "rtmp://media.example:1935/live/mine?key=k3y"',
    });
  });

  it('has a likely answer where the server gives none', () => {
    expect(publishAddress(null, 'mine', 'k3y', 'media.example').server).toBe('rtmp://media.example/live');
  });

  it('keeps a stream named like its folder', () => {
    expect(publishAddress('rtmp://h/live/live', 'live', 'k', 'h').server).toBe('rtmp://h/live');
  });
});

it('asks for dash.js where it is wanted', () => {
  expect(parse('/watch/mine?tech=dash')?.technology).toBe('dash');
  expect(parse('/watch/mine?tech=other')?.technology).toBe('hls');
  expect(manifestUrl('mine', null, 'hls')).toBe('/live/mine/master.m3u8');
  expect(manifestUrl('mine', JWT, 'dash')).toBe(`/t/${JWT}/live/mine/manifest.mpd`);
  expect(withSession('/live/mine/manifest.mpd', 'abc')).toBe('/live/mine/manifest.mpd?session=abc');
});

it.each([
  ['/studio', null],
  ['/studio/', null],
  ['/studio/mine', 'mine'],
  ['/studio/mine/', 'mine'],
  ['/studio/a.b', null],
])('%s is the studio of %s', (path, stream) => {
  expect(parseStudioAddress(new URL(path, 'https://media.example'))).toBe(stream);
});

it('keeps a token out of what servers log', () => {
  expect(watchLink('mine', JWT)).toBe(`/watch/mine#token=${JWT}`);
  expect(watchLink('mine', null)).toBe('/watch/mine');
});
