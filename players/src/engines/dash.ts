/** dash.js, set up for low latency. A chunk of its own: only `?tech=dash` loads it. */
import { MediaPlayer, type MediaInfo, type MediaPlayerClass, type Representation } from 'dashjs';
import { withSession } from '../address.ts';
import { bufferAhead_s } from '../buffer.ts';
import { linkSpeed } from '../session.ts';
import type { AudioTrack, Edge, Engine, EngineFault, EngineHandlers, Level } from './engine.ts';

const FIRST_GUESS_KBPS = 10_000;
/** Nothing has come for so long after the start: dash.js may have begun inside a gap, which it does not leave. */
const UNSTARTED_MS = 2500;
/** MediaPlayerErrors: what concerns the manifest, so that asking again is all there is to do. */
const MANIFEST_CODES = new Set([10, 11, 25, 31, 32]);
const NETWORK_CODES = new Set([15, 16, 17, 18, 26, 27, 28, 29]);
const MEDIA_CODES = new Set([20, 21, 22, 35]);

export class DashEngine implements Engine {
  readonly steerable = true;
  readonly gap = false;
  readonly #video: HTMLVideoElement;
  readonly #player: MediaPlayerClass;
  #automatic = true;
  #buffered_to_s = 0;
  #grew_at_ms = performance.now();
  readonly #unstarted: ReturnType<typeof setInterval>;

  constructor(
    video: HTMLVideoElement,
    url: string,
    session: string,
    start_target_s: number,
    handlers: EngineHandlers,
  ) {
    this.#video = video;
    const player = MediaPlayer().create();
    const { events } = MediaPlayer;
    player.updateSettings({
      debug: { logLevel: new URLSearchParams(location.search).has('debug') ? 4 : 0 },
      streaming: {
        // How far behind to be is decided once, in steering.ts; this is where dash.js begins.
        delay: { liveDelay: start_target_s, useSuggestedPresentationDelay: false },
        applyServiceDescription: false,
        liveCatchup: { enabled: false },
        // Only what the MPD itself says: the page asks nobody else for the time.
        utcSynchronization: { enabled: true, useManifestDateHeaderTimeSource: false, defaultTimingSource: { value: '' } },
        manifestUpdateRetryInterval: 500,
        retryIntervals: { MPD: 500, MediaSegment: 300, InitializationSegment: 300 },
        retryAttempts: { MPD: 4, MediaSegment: 6, InitializationSegment: 4 },
        buffer: { bufferTimeDefault: 20, bufferTimeAtTopQuality: 20, bufferToKeep: 20, fastSwitchEnabled: true },
        gaps: { jumpGaps: true, jumpLargeGaps: true, smallGapLimit: 1.5, threshold: 0.3 },
        lastBitrateCachingInfo: { enabled: false },
        lastMediaSettingsCachingInfo: { enabled: false },
        // Captions come by the page's own loader, the same for both technologies.
        text: { defaultEnabled: false },
        abr: { initialBitrate: { video: Math.round((linkSpeed.get() ?? FIRST_GUESS_KBPS * 1000) / 1000), audio: -1 } },
      },
    });
    for (const event of [
      events.STREAM_INITIALIZED,
      events.STREAM_UPDATED,
      events.QUALITY_CHANGE_RENDERED,
      events.TRACK_CHANGE_RENDERED,
    ]) {
      player.on(event, () => handlers.onChange());
    }
    player.on(events.PERIOD_SWITCH_COMPLETED, () => {
      handlers.onChange();
      handlers.onBreak();
    });
    player.on(events.ERROR, (event: { error?: { code?: number } | string }) => {
      const fault = faultOf(event.error);
      if (fault) handlers.onFault(fault);
    });
    // dash.js asks for the MPD again only after a `play` that it has seen itself, once it listens.
    video.pause();
    player.on(events.PLAYBACK_METADATA_LOADED, () => handlers.onReady());
    player.initialize(video, withSession(url, session), false);
    this.#player = player;
    this.#unstarted = setInterval(() => {
      if (video.buffered.length > 0) clearInterval(this.#unstarted);
      else if (this.#ready) player.seekToOriginalLive();
    }, UNSTARTED_MS);
  }

  get levels(): Level[] {
    return this.#representations().map((each) => ({
      index: each.absoluteIndex,
      rendition: each.id,
      width: each.width,
      height: each.height,
      frameRate: each.frameRate,
      bitrate_bps: each.bandwidth,
    }));
  }
  get level(): number {
    return this.#ready ? (this.#player.getCurrentRepresentationForType('video')?.absoluteIndex ?? -1) : -1;
  }
  chooseLevel(index: number): void {
    this.#automatic = index < 0;
    this.#player.updateSettings({ streaming: { abr: { autoSwitchBitrate: { video: this.#automatic } } } });
    const chosen = this.#representations().find((each) => each.absoluteIndex === index);
    if (chosen) this.#player.setRepresentationForTypeById('video', chosen.id, true);
  }

  get audioTracks(): AudioTrack[] {
    return this.#sounds().map((track, index) => {
      const language = track.lang ?? '';
      return { index, name: labelOf(track) || language || `${index + 1}`, language: language === 'und' ? '' : language };
    });
  }
  get audioTrack(): number {
    const current = this.#ready ? this.#player.getCurrentTrackFor('audio') : null;
    return current ? this.#sounds().findIndex((track) => track.id === current.id && track.index === current.index) : -1;
  }
  chooseAudioTrack(index: number): void {
    const track = this.#sounds()[index];
    if (track) this.#player.setCurrentTrack(track);
  }

  get edge(): Edge | null {
    if (!this.#ready) return null;
    const latency_s = this.#player.getCurrentLiveLatency();
    if (!Number.isFinite(latency_s)) return null;
    // The server's clock is the edge: it never stands still, but what arrives does.
    return { at_s: this.#video.currentTime + latency_s, age_s: this.#age_s() };
  }
  get shown_at_ms(): number | null {
    if (!this.#ready) return null;
    const shown_at_s = this.#player.timeAsUTC();
    return Number.isFinite(shown_at_s) && shown_at_s > 1e9 ? shown_at_s * 1000 : null;
  }
  get bandwidth_bps(): number | null {
    if (!this.#ready) return null;
    const speed_kbps = this.#player.getAverageThroughput('video');
    return Number.isFinite(speed_kbps) && speed_kbps > 0 ? speed_kbps * 1000 : null;
  }

  aim(): void {}
  resume(): void {
    this.#player.refreshManifest(() => {
      // Nothing comes at this place: it lies in a gap that the server's absence has left.
      if (bufferAhead_s(this.#video) === 0 && this.#ready) this.#player.seekToOriginalLive();
    });
  }
  renewMedia(): void {
    // dash.js makes new source buffers only with a new source.
    this.#player.attachSource(this.#player.getSource());
  }
  destroy(): void {
    clearInterval(this.#unstarted);
    this.#player.destroy();
  }

  get #ready(): boolean {
    return this.#player.isReady() && this.#player.getActiveStream() !== null;
  }

  #representations(): Representation[] {
    return this.#ready ? this.#player.getRepresentationsByType('video') : [];
  }
  #sounds(): MediaInfo[] {
    return this.#ready ? this.#player.getTracksFor('audio') : [];
  }

  #age_s(): number {
    const { buffered } = this.#video;
    const end_s = buffered.length === 0 ? 0 : buffered.end(buffered.length - 1);
    if (end_s !== this.#buffered_to_s) {
      this.#buffered_to_s = end_s;
      this.#grew_at_ms = performance.now();
    }
    return (performance.now() - this.#grew_at_ms) / 1000;
  }
}

function labelOf(track: MediaInfo): string {
  const label: unknown = track.labels?.[0];
  return typeof label === 'object' && label !== null && 'text' in label ? String(label.text) : '';
}

/** null for what dash.js mends by itself. */
function faultOf(error: { code?: number } | string | undefined): EngineFault | null {
  const code = typeof error === 'object' ? (error.code ?? 0) : 0;
  if (MANIFEST_CODES.has(code)) return 'manifest';
  if (NETWORK_CODES.has(code)) return 'network';
  if (MEDIA_CODES.has(code)) return 'media';
  return code === 0 ? 'other' : null;
}
