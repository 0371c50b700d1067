/** What the page's own address says, and the media addresses that follow from it. */
import type { Technology } from './engines/engine.ts';

export interface WatchAddress {
  stream: string;
  /** From the fragment, which never reaches a server or its log; or from the path, as media addresses have it. */
  token: string | null;
  embed: boolean;
  /** `?tech=dash`: the same segments by dash.js. */
  technology: Technology;
}

const STREAM_PATH = /^(?:\/t\/([^/]+))?\/watch\/([A-Za-z0-9_-]{1,64})\/?$/;
/** A JWT: three base64url parts. Anything else would not fit into a path. */
const JWT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

/** Reads `/watch/{stream}?embed=1#token=…` and `/t/{token}/watch/{stream}`; null when the path names no stream. */
export function parseWatchAddress(url: URL): WatchAddress | null {
  const [, pathToken, stream] = STREAM_PATH.exec(url.pathname) ?? [];
  if (stream === undefined) return null;
  const token = new URLSearchParams(url.hash.slice(1)).get('token') ?? pathToken ?? null;
  const embed = url.searchParams.get('embed');
  return {
    stream,
    token: token !== null && JWT.test(token) ? token : null,
    embed: embed !== null && embed !== '0',
    technology: url.searchParams.get('tech') === 'dash' ? 'dash' : 'hls',
  };
}

const STUDIO_PATH = /^\/studio(?:\/([A-Za-z0-9_-]{1,64}))?\/?$/;

/** The stream of `/studio/{stream}`; null for the list of streams at `/studio`. */
export function parseStudioAddress(url: URL): string | null {
  return STUDIO_PATH.exec(url.pathname)?.[1] ?? null;
}

/** A page that plays the stream; a private one's token is in the fragment, which no log sees. */
export function watchLink(stream: string, token: string | null): string {
  return `/watch/${stream}${token === null ? '' : `#token=${token}`}`;
}

/** Private media live under a prefix that relative playlist addresses inherit (INTERFACE.md section 4). */
export function liveBase(stream: string, token: string | null): string {
  return token === null ? `/live/${stream}` : `/t/${token}/live/${stream}`;
}

/** What a player of this technology loads first. */
export function manifestUrl(stream: string, token: string | null, technology: Technology): string {
  return `${liveBase(stream, token)}/${technology === 'dash' ? 'manifest.mpd' : 'master.m3u8'}`;
}

/** Playlists carry the viewer's session, so that the server can count viewers. Segments do not: they are cached. */
export function withSession(url: string, session: string): string {
  const [path = '', query = ''] = url.split('?', 2);
  if (!/\.(?:m3u8|mpd)$/.test(path)) return url;
  const parameters = new URLSearchParams(query);
  parameters.set('session', session);
  return `${path}?${parameters}`;
}

/** The rendition that a media playlist's address names: `…/live/{stream}/{rendition}/media.m3u8`. */
export function renditionOf(playlistUrl: string): string | null {
  return /\/([^/?#]+)\/[^/?#]+\.m3u8(?:[?#]|$)/.exec(playlistUrl)?.[1] ?? null;
}

export interface PublishAddress {
  /** What OBS calls the server. */
  server: string;
  /** What OBS calls the stream key. */
  streamKey: string;
  /** A line for a terminal. */
  ffmpeg: string;
}

/** Where to publish to; `rtmp` is the server's own word for it (`urls.rtmp`), which ends in the stream's name. */
export function publishAddress(rtmp: string | null, stream: string, key: string, host: string): PublishAddress {
  const full = rtmp ?? `rtmp://${host}/live/${stream}`;
  const plain = full.split('?', 1)[0] ?? full;
  const server = plain.endsWith(`/${stream}`) ? plain.slice(0, -stream.length - 1) : plain;
  const streamKey = `${stream}?key=${key}`;
  return { server, streamKey, ffmpeg: `ffmpeg -re -i FILE -c copy -f flv "${server}/${streamKey}"` };
}
