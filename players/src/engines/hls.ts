/** hls.js, set up for low latency. Everything that this project knows about its options is here. */
import Hls, { type ErrorData, type HlsConfig } from 'hls.js';
import { renditionOf, withSession } from '../address.ts';
import { linkSpeed } from '../session.ts';
import type { AudioTrack, Edge, Engine, EngineFault, EngineHandlers, Level } from './engine.ts';

/** Where media sources are missing (older iPhones), the browser's own HLS plays the same address. */
export function hlsWorksHere(): boolean {
  return Hls.isSupported();
}

/** The edge is carried on by the clock between playlists, but no further than this. */
const LONGEST_AGE_S = 2;

/** A device too weak for a quality may only have been busy: it is tried again, ever more seldom. */
const WEAK_FOR_MS = 20_000;
const WEAK_AT_MOST_MS = 600_000;

/** Assumed until the link has been measured: enough for a 1080p source, which most links carry. */
const FIRST_GUESS_BPS = 10_000_000;

const quick = { maxTimeToFirstByteMs: 12_000, maxLoadTimeMs: 20_000 };
/** A server that restarts is found again within a second. */
const retries = (maxNumRetry: number) => ({ maxNumRetry, retryDelayMs: 200, maxRetryDelayMs: 1000 });

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
    // Parts are small, so single measurements scatter; and they count by the time that they took, at least
    // 50 ms each. On a fast link that is a third of a second in each second: the half-life is thrice as long.
    abrEwmaFastLive: 2,
    abrEwmaSlowLive: 5,
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

export class HlsEngine implements Engine {
  readonly steerable = true;
  readonly #hls: Hls;
  #weak_for_ms = WEAK_FOR_MS;
  #lift: ReturnType<typeof setTimeout> | undefined;

  constructor(
    video: HTMLVideoElement,
    url: string,
    session: string,
    start_target_s: number,
    handlers: EngineHandlers,
  ) {
    const hls = new Hls(configuration(session, start_target_s));
    const { Events } = Hls;
    for (const event of [
      Events.MANIFEST_PARSED,
      Events.LEVELS_UPDATED,
      Events.LEVEL_SWITCHED,
      Events.AUDIO_TRACKS_UPDATED,
      Events.AUDIO_TRACK_SWITCHED,
    ]) {
      hls.on(event, () => handlers.onChange());
    }
    let breaks = -1;
    hls.on(Events.LEVEL_LOADED, (_event, { details }) => {
      if (breaks >= 0 && details.endCC > breaks) handlers.onBreak();
      breaks = Math.max(breaks, details.endCC);
      handlers.onPartTarget(details.partTarget || details.targetduration);
    });
    hls.on(Events.FPS_DROP_LEVEL_CAPPING, () => this.#liftCapLater());
    hls.on(Events.ERROR, (_event, data) => {
      if (data.fatal) handlers.onFault(faultOf(data));
    });
    hls.attachMedia(video);
    hls.loadSource(url);
    this.#hls = hls;
  }

  get levels(): Level[] {
    return this.#hls.levels.map((level, index) => ({
      index,
      rendition: renditionOf(level.url[0] ?? ''),
      width: level.width,
      height: level.height,
      frameRate: level.frameRate,
      bitrate_bps: level.averageBitrate || level.bitrate,
    }));
  }
  get level(): number {
    return this.#hls.currentLevel;
  }
  chooseLevel(index: number): void {
    this.#hls.nextLevel = index;
  }

  get audioTracks(): AudioTrack[] {
    return this.#hls.audioTracks.map(({ name, lang }, index) => ({ index, name, language: lang ?? '' }));
  }
  get audioTrack(): number {
    return this.#hls.audioTrack;
  }
  chooseAudioTrack(index: number): void {
    this.#hls.audioTrack = index;
  }

  get edge(): Edge | null {
    const details = this.#hls.latestLevelDetails;
    if (!details) return null;
    const age_s = Math.max(0, details.age);
    return { at_s: details.edge + Math.min(age_s, LONGEST_AGE_S), age_s };
  }
  get gap(): boolean {
    return this.#hls.latestLevelDetails?.partList?.at(-1)?.gap === true;
  }
  get shown_at_ms(): number | null {
    return this.#hls.playingDate?.getTime() ?? null;
  }
  get bandwidth_bps(): number | null {
    const speed_bps = this.#hls.bandwidthEstimate;
    return Number.isFinite(speed_bps) && speed_bps > 0 ? speed_bps : null;
  }

  aim(target_s: number): void {
    // hls.js starts, and returns after a gap, at its own idea of the target.
    if (Math.abs((this.#hls.config.liveSyncDuration ?? 0) - target_s) > 0.05) this.#hls.targetLatency = target_s;
  }
  resume(): void {
    this.#hls.startLoad(-1);
  }
  renewMedia(): void {
    this.#hls.recoverMediaError();
  }
  destroy(): void {
    clearTimeout(this.#lift);
    this.#hls.destroy();
  }

  /** hls.js itself never takes back that a quality was too much. */
  #liftCapLater(): void {
    clearTimeout(this.#lift);
    this.#lift = setTimeout(() => (this.#hls.autoLevelCapping = -1), this.#weak_for_ms);
    this.#weak_for_ms = Math.min(WEAK_AT_MOST_MS, this.#weak_for_ms * 2);
  }
}

function faultOf(data: ErrorData): EngineFault {
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
