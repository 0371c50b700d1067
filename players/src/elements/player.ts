import { LitElement, html, nothing } from 'lit';
import '../media-chrome/index.ts';
import './live-button.ts';
import './player-overlay.ts';
import './quality-menu.ts';
import './stats-panel.ts';
import { liveBase, manifestUrl } from '../address.ts';
import type { Technology } from '../engines/engine.ts';
import { bitrateText, rungName, viewersText } from '../format.ts';
import { soundOffIcon, viewersIcon } from '../icons.ts';
import { belongsToFocus, pressKey } from '../keyboard.ts';
import { overlayFor } from '../overlay.ts';
import { Playback } from '../playback.ts';
import { newViewerSession } from '../session.ts';
import { StreamWatch } from '../stream-watch.ts';
import { playerStyles } from './player-styles.ts';
import type { Quality } from './quality-menu.ts';

declare global {
  interface Window {
    /** For tests and the bench: the element that shows the picture, and what the player measures. */
    mediaserverPlayer?: { video: HTMLVideoElement; statistics: Playback['statistics'] };
  }
}

/** One stream's player. It follows the stream's state and tells the page of it by `stream-change`. */
export class Player extends LitElement {
  static override properties = {
    stream: {},
    token: {},
    embed: { type: Boolean, reflect: true },
    technology: {},
    muted: { type: Boolean },
    statisticsShown: { state: true },
    menuOpen: { state: true },
  };
  declare stream: string;
  declare token: string | null;
  declare embed: boolean;
  declare technology: Technology;
  /** Begins without sound. */
  declare muted: boolean;
  declare statisticsShown: boolean;
  declare menuOpen: boolean;

  static override styles = playerStyles;

  readonly #video = document.createElement('video');
  #watch: StreamWatch | null = null;
  #playback: Playback | null = null;
  #refresh: ReturnType<typeof setInterval> | undefined;
  #lastKnown = 'asking';
  #broadcast: string | null = null;

  constructor() {
    super();
    this.stream = '';
    this.token = null;
    this.embed = false;
    this.technology = 'hls';
    this.muted = false;
    this.statisticsShown = false;
    this.menuOpen = false;
  }

  get watch(): StreamWatch | null {
    return this.#watch;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    document.addEventListener('keydown', this.#onKey);
    // Before anything is drawn (see scheduleUpdate): the first picture waits for the media, not for buttons.
    if (!this.#playback) this.#begin();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    document.removeEventListener('keydown', this.#onKey);
    clearInterval(this.#refresh);
    this.#watch?.stop();
    this.#playback?.destroy();
  }

  protected override async scheduleUpdate(): Promise<void> {
    if (!this.hasUpdated) await new Promise((resolve) => setTimeout(resolve));
    await super.scheduleUpdate();
  }

  #begin(): void {
    const video = this.#video;
    video.slot = 'media';
    video.playsInline = true;
    video.preload = 'auto';
    video.tabIndex = -1;
    video.muted = this.muted;
    const { stream, token, technology } = this;
    const url = manifestUrl(stream, token, technology);
    const playback = new Playback(video, { technology, url, session: newViewerSession() });
    playback.addEventListener('change', () => {
      this.requestUpdate();
      if (playback.phase === 'ended' || (playback.phase === 'stalled' && this.#lastKnown === 'live')) this.#watch?.askNow();
    });
    this.#playback = playback;
    this.#watch = new StreamWatch(this.stream, this.token);
    this.#watch.addEventListener('change', () => this.#onState());
    window.mediaserverPlayer = { video, statistics: () => playback.statistics() };
    // Do not wait for the state: a running stream's picture is there sooner than its answer.
    playback.start();
    this.#watch.start();
    this.#refresh = setInterval(() => this.requestUpdate(), 500);
  }

  #onState(): void {
    const playback = this.#playback!;
    const { known, stream } = this.#watch!;
    const before = this.#lastKnown;
    this.#lastKnown = known;
    playback.sourceLive = known === 'live' || known === 'asking' || known === 'unreachable';
    switch (known) {
      case 'live':
      case 'starting':
        if (stream?.started_at && this.#broadcast && stream.started_at !== this.#broadcast && playback.phase === 'ended') {
          playback.restart();
        } else if (before === 'ended' || playback.phase === 'ended') playback.restart();
        else playback.start();
        if (stream?.started_at) this.#broadcast = stream.started_at;
        break;
      case 'offline':
      case 'missing':
      case 'private':
        playback.stop();
        break;
      case 'ended':
        // What is in the buffer plays to its end; one that has nothing to show is let go.
        if (playback.phase === 'loading') playback.stop();
        break;
      case 'interrupted':
      case 'unreachable':
      case 'asking':
        break;
    }
    this.dispatchEvent(new CustomEvent('stream-change', { detail: { known, stream }, bubbles: true, composed: true }));
    this.requestUpdate();
  }

  protected override updated(): void {
    this.#video.setAttribute('aria-label', this.#watch?.stream?.title || this.stream);
  }

  protected override render() {
    const playback = this.#playback;
    const stream = this.#watch?.stream ?? null;
    const phase = playback?.phase ?? 'loading';
    const overlay = overlayFor(this.#watch?.known ?? 'asking', phase, playback?.picture ?? false);
    const qualities = this.#qualities();
    const current = qualities.find((quality) => quality.index === playback?.current)?.name ?? '';
    const controls = phase !== 'idle' && (overlay === null || overlay.light);
    return html`<media-controller
      nohotkeys
      nomutedpref
      noautoseektolive
      autohide="2"
      defaultstreamtype="live"
      class=${controls ? '' : 'bare'}
      @mediaplayrequest=${this.#onPlayRequest}
      @mediapauserequest=${this.#onPauseRequest}
    >
      ${this.#video}
      <ms-player-overlay
        slot="centered-chrome"
        noautohide
        .overlay=${overlay}
        .poster=${this.#posterUrl()}
        @play-wanted=${() => void playback?.play()}
      ></ms-player-overlay>
      ${this.statisticsShown && playback
        ? html`<ms-stats-panel
            slot="top-chrome"
            noautohide
            .statistics=${playback.statistics()}
            .quality=${current}
            .size=${pictureSize(playback.video)}
            @close=${() => (this.statisticsShown = false)}
          ></ms-stats-panel>`
        : nothing}
      ${playback?.mutedByBrowser && controls && !this.menuOpen
        ? html`<button slot="top-chrome" noautohide class="unmute" type="button" @click=${() => playback.unmute()}>
            ${soundOffIcon()}<span>Turn on sound</span>
          </button>`
        : nothing}
      ${this.embed && stream ? this.#embedTitle(stream.title || this.stream, stream.viewers) : nothing}
      <media-control-bar class=${controls ? '' : 'away'} ?noautohide=${this.menuOpen}>
        <media-play-button tooltipplacement="top"></media-play-button>
        <media-mute-button tooltipplacement="top"></media-mute-button>
        <media-volume-range></media-volume-range>
        <ms-live-button
          .live=${playback?.following ?? true}
          .behind_s=${Math.round(playback?.behind_s ?? 0)}
          @click=${() => playback?.goLive()}
        ></ms-live-button>
        <span class="space"></span>
        <ms-quality-menu
          .qualities=${qualities}
          .chosen=${playback?.chosen ?? -1}
          .current=${current}
          .statistics=${this.statisticsShown}
          @choose=${(event: CustomEvent<number>) => playback?.choose(event.detail)}
          @statistics=${() => (this.statisticsShown = !this.statisticsShown)}
          @toggle=${this.#onMenu}
        ></ms-quality-menu>
        <media-pip-button tooltipplacement="top"></media-pip-button>
        <media-fullscreen-button tooltipplacement="top"></media-fullscreen-button>
      </media-control-bar>
    </media-controller>`;
  }

  #embedTitle(title: string, viewers: number) {
    const fragment = this.token === null ? '' : `#token=${this.token}`;
    return html`<div slot="top-chrome" class="embed-title">
      <a href="/watch/${this.stream}${fragment}" target="_blank" rel="noopener">${title}</a>
      <span>${viewersIcon(15)} ${viewersText(viewers)}</span>
    </div>`;
  }

  #qualities(): Quality[] {
    const renditions = this.#watch?.stream?.renditions ?? [];
    return (this.#playback?.levels ?? [])
      .map((level) => ({
        index: level.index,
        bitrate_bps: level.bitrate_bps,
        name: rungName(
          { name: level.rendition, height: level.height, width: level.width, frameRate: level.frameRate },
          renditions.find((rendition) => rendition.name === level.rendition),
        ),
        detail: bitrateText(level.bitrate_bps),
      }))
      .sort((a, b) => b.bitrate_bps - a.bitrate_bps);
  }

  #posterUrl(): string | null {
    const known = this.#watch?.known ?? 'asking';
    return known === 'ended' || known === 'interrupted' || known === 'starting'
      ? `${liveBase(this.stream, this.token)}/poster.jpg`
      : null;
  }

  // The controller plays and pauses by itself; the playback has to know that the viewer meant it.
  #onPlayRequest(): void {
    void this.#playback?.play();
  }
  #onPauseRequest(): void {
    this.#playback?.pause();
  }

  #onMenu(event: Event): void {
    const menu = event.currentTarget as HTMLElement & { open: boolean };
    this.menuOpen = menu.open;
    menu.style.setProperty('--menu-room', `${this.clientHeight - 64}px`);
  }

  readonly #onKey = (event: KeyboardEvent): void => {
    const playback = this.#playback;
    if (!playback || event.defaultPrevented || belongsToFocus(event)) return;
    const { video } = playback;
    const used = pressKey(event.key, {
      toggle: () => playback.toggle(),
      mute: () => (video.muted ? playback.unmute() : (video.muted = true)),
      fullscreen: () => this.renderRoot.querySelector<HTMLElement>('media-fullscreen-button')?.click(),
      statistics: () => (this.statisticsShown = !this.statisticsShown),
      live: () => playback.goLive(),
      step: (direction) => playback.step(direction),
      volume: (change) => {
        if (change > 0 && video.muted) playback.unmute();
        video.volume = Math.min(1, Math.max(0, Math.round((video.volume + change) * 20) / 20));
      },
    });
    if (used) event.preventDefault();
  };
}

function pictureSize(video: HTMLVideoElement): string {
  return video.videoWidth ? `${video.videoWidth} × ${video.videoHeight}` : '';
}

customElements.define('ms-player', Player);
