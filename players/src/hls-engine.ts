/** hls.js, set up for low latency. Everything that this project knows about its options is here. */
import Hls, { type ErrorData, type HlsConfig } from 'hls.js';
import { withSession } from './address.ts';
import type { Fault } from './recovery.ts';
import { linkSpeed } from './session.ts';

export type HlsFault = Exclude<Fault, 'frozen'>;

export interface HlsHandlers {
  start_target_s: number;
  onFault: (fault: HlsFault) => void;
  onLevels: () => void;
  onLevelShown: () => void;
  /** Once per playlist that says it: the duration of a part, or of a segment where there are no parts. */
  onPartTarget: (part_s: number) => void;
}

/** Where media sources are missing (older iPhones), the browser's own HLS plays the same address. */
export function hlsWorksHere(): boolean {
  return Hls.isSupported();
}

/** Assumed until the link has been measured: enough for a 1080p source, which most links carry. */
const FIRST_GUESS_BPS = 10_000_000;

const quick = { maxTimeToFirstByteMs: 12_000, maxLoadTimeMs: 20_000 };
const retries = (maxNumRetry: number) => ({ maxNumRetry, retryDelayMs: 200, maxRetryDelayMs: 2000 });

function configuration(session: string, start_target_s: number): Partial<HlsConfig> {
  return {
    // For reports of trouble: `?debug` writes what hls.js does to the console.
    debug: new URLSearchParams(location.search).has('debug'),
    lowLatencyMode: true,
    // In place of PART-HOLD-BACK, which is three parts. The rate is ours (steering.ts), so theirs stays 1.
    liveSyncDuration: start_target_s,
    liveSyncOnStallIncrease: 0,
    maxLiveSyncPlaybackRate: 1,
    liveDurationInfinity: true,
    // Our fragmented MP4 passes through untouched: a worker would only add a hop to each part.
    enableWorker: false,
    // The first picture comes from the rung that will be watched, not from a measuring download.
    testBandwidth: false,
    abrEwmaDefaultEstimate: linkSpeed.get() ?? FIRST_GUESS_BPS,
    abrEwmaDefaultEstimateMax: 50_000_000,
    // Parts are small and come as they are made, so single measurements scatter: look over a longer time.
    abrEwmaFastLive: 4,
    abrEwmaSlowLive: 15,
    capLevelOnFPSDrop: true,
    useMediaCapabilities: false,
    maxBufferLength: 20,
    backBufferLength: 20,
    // A hole of one lost frame must not stop a player that has a third of a second in hand.
    maxBufferHole: 0.3,
    highBufferWatchdogPeriod: 1,
    detectStallWithCurrentTimeMs: 600,
    nudgeMaxRetry: 8,
    enableDateRangeMetadataCues: false,
    enableEmsgMetadataCues: false,
    enableID3MetadataCues: false,
    // The page decides when to ask again for a stream that is not there yet (recovery.ts).
    manifestLoadPolicy: { default: { ...quick, timeoutRetry: null, errorRetry: null } },
    playlistLoadPolicy: { default: { ...quick, timeoutRetry: retries(2), errorRetry: retries(4) } },
    fragLoadPolicy: { default: { ...quick, timeoutRetry: retries(2), errorRetry: retries(4) } },
    xhrSetup(xhr: XMLHttpRequest, url: string) {
      const counted = withSession(url, session);
      if (counted !== url) xhr.open('GET', counted, true);
    },
  };
}

export function makeHls(video: HTMLVideoElement, url: string, session: string, handlers: HlsHandlers): Hls {
  const hls = new Hls(configuration(session, handlers.start_target_s));
  hls.on(Hls.Events.MANIFEST_PARSED, handlers.onLevels);
  hls.on(Hls.Events.LEVELS_UPDATED, handlers.onLevels);
  hls.on(Hls.Events.LEVEL_SWITCHED, handlers.onLevelShown);
  hls.on(Hls.Events.LEVEL_LOADED, (_event, { details }) => {
    handlers.onPartTarget(details.partTarget || details.targetduration);
  });
  hls.on(Hls.Events.ERROR, (_event, data) => {
    if (data.fatal) handlers.onFault(faultOf(data));
  });
  hls.attachMedia(video);
  hls.loadSource(url);
  return hls;
}

function faultOf(data: ErrorData): HlsFault {
  const { ErrorTypes, ErrorDetails } = Hls;
  switch (data.details) {
    case ErrorDetails.MANIFEST_LOAD_ERROR:
    case ErrorDetails.MANIFEST_LOAD_TIMEOUT:
    case ErrorDetails.MANIFEST_PARSING_ERROR:
      return 'manifest';
  }
  if (data.type === ErrorTypes.NETWORK_ERROR) return 'network';
  if (data.type === ErrorTypes.MEDIA_ERROR) return 'media';
  return 'other';
}

