import { LitElement, html, nothing } from 'lit';
import './live-button.ts';
import './player-overlay.ts';
import './choice-menu.ts';
import './stats-panel.ts';
import { liveBase } from '../address.ts';
import type { Technology } from '../engines/engine.ts';
import { viewersText } from '../format.ts';
import { captionsIcon, slidersIcon, soundOffIcon, viewersIcon } from '../icons.ts';
import { belongsToFocus, pressKey } from '../keyboard.ts';
import { listedLevels } from '../levels.ts';
import { LivePlayer } from '../live-player.ts';
import { captionSections, qualityLabel, qualitySections } from '../menus.ts';
import { badgeFor, overlayFor } from '../overlay.ts';
import type { Statistics } from '../statistics.ts';
import type { Chosen } from './choice-menu.ts';
import { playerStyles } from './player-styles.ts';

/** Without a picture there may still be something to press. */
const CONTROLS_AT_LATEST_MS = 1500;

declare global {
  interface Window {
    /** For tests and the bench: the element that shows the picture, and what the player measures. */
    mediaserverPlayer?: { video: HTMLVideoElement; statistics: () => Statistics };
  }
}

/** One stream's player. It follows the stream's state and tells the page of it by `stream-change`. */
export class Player extends LitElement {
  static override properties = {
    stream: {},
    token: {},
    embed: { type: Boolean, reflect: true },
    technology: {},
    session: { attribute: false },
    muted: { type: Boolean },
    statisticsShown: { state: true },
    menuOpen: { state: true },
  };
  declare stream: string;
  declare token: string | null;
  declare embed: boolean;
  declare technology: Technology;
  /** Names it to the server's count in place of a session of its own. */
  declare session: string | null;
  /** Begins without sound. */
  declare muted: boolean;
  declare statisticsShown: boolean;
  declare menuOpen: boolean;

  static override styles = playerStyles;

  readonly #video = document.createElement('video');
  /** The last picture, shown while the player begins anew: nobody needs to see that. */
  readonly #last = document.createElement('canvas');
  #live: LivePlayer | null = null;
  #refresh: ReturnType<typeof setInterval> | undefined;

  constructor() {
    super();
    this.stream = '';
    this.token = null;
    this.embed = false;
    this.technology = 'hls';
    this.session = null;
    this.muted = false;
    this.statisticsShown = false;
    this.menuOpen = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    document.addEventListener('keydown', this.#onKey);
    // Before anything is drawn (see scheduleUpdate): the first picture waits for the media, not for buttons.
    if (!this.#live) this.#begin();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    document.removeEventListener('keydown', this.#onKey);
    clearInterval(this.#refresh);
    this.#live?.destroy();
    this.#live = null;
  }

  protected override async scheduleUpdate(): Promise<void> {
    if (!this.hasUpdated) await new Promise((resolve) => setTimeout(resolve));
    await super.scheduleUpdate();
  }

  #begin(): void {
    const video = this.#video;
    video.slot = 'media';
    this.#last.slot = 'centered-chrome';
    this.#last.width = 0;
    this.#last.setAttribute('noautohide', '');
    this.#last.setAttribute('aria-hidden', 'true');
    video.playsInline = true;
    video.preload = 'auto';
    video.tabIndex = -1;
    video.muted = this.muted;
    const { stream, token, technology, session } = this;
    const live = new LivePlayer(video, { stream, token, technology, session });
    this.#live = live;
    live.addEventListener('change', () => this.requestUpdate());
    live.playback.addEventListener('begin', () => this.#keepPicture());
    live.watch.addEventListener('change', () => {
      const detail = { known: live.watch.known, stream: live.watch.stream };
      this.dispatchEvent(new CustomEvent('stream-change', { detail, bubbles: true, composed: true }));
    });
    window.mediaserverPlayer = { video, statistics: () => live.playback.statistics() };
    live.start();
    this.#loadControls(video);
    this.#refresh = setInterval(() => {
      live.captions.tick();
      this.requestUpdate();
    }, 500);
  }

  /** The controls are most of the page's script: they come after the first picture, which they would delay. */
  #loadControls(video: HTMLVideoElement): void {
    const load = (): void => {
      clearTimeout(latest);
      void import('../media-chrome/index.ts');
    };
    const latest = setTimeout(load, CONTROLS_AT_LATEST_MS);
    if ('requestVideoFrameCallback' in video) video.requestVideoFrameCallback(load);
    else (video as HTMLVideoElement).addEventListener('playing', load, { once: true });
  }

  #keepPicture(): void {
    const { videoWidth, videoHeight, readyState } = this.#video;
    if (videoWidth === 0 || readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return;
    this.#last.width = videoWidth;
    this.#last.height = videoHeight;
    this.#last.getContext('2d')?.drawImage(this.#video, 0, 0);
  }

  protected override updated(): void {
    this.#video.setAttribute('aria-label', this.#live?.watch.stream?.title || this.stream);
  }

  protected override render() {
    const live = this.#live;
    if (!live) return nothing;
    const { playback, watch, captions } = live;
    const { known, stream } = watch;
    const { phase } = playback;
    const overlay = overlayFor(known, phase, playback.picture, this.token !== null);
    const badge = badgeFor(known, phase);
    const controls = phase !== 'idle' && (overlay === null || overlay.light);
    const offered = {
      levels: listedLevels(playback.levels, live.variants),
      renditions: stream?.renditions ?? [],
      chosen: playback.chosen,
      current: playback.current,
      picture: { width: playback.video.videoWidth, height: playback.video.videoHeight },
      audioTracks: playback.audioTracks,
      audioTrack: playback.audioTrack,
      statistics: this.statisticsShown,
    };
    const { current, sections } = qualitySections(offered);
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
      ${phase === 'loading' && this.#last.width > 0 ? this.#last : nothing}
      <ms-player-overlay
        slot="centered-chrome"
        noautohide
        .overlay=${overlay}
        .poster=${this.#posterUrl()}
        @play-wanted=${() => void playback.play()}
      ></ms-player-overlay>
      ${this.statisticsShown
        ? html`<ms-stats-panel
            slot="top-chrome"
            noautohide
            .statistics=${playback.statistics()}
            .quality=${current}
            .size=${pictureSize(playback.video)}
            @close=${() => (this.statisticsShown = false)}
          ></ms-stats-panel>`
        : nothing}
      ${playback.mutedByBrowser && controls && !this.menuOpen && !this.statisticsShown
        ? html`<button slot="top-chrome" noautohide class="unmute" type="button" @click=${() => playback.unmute()}>
            ${soundOffIcon()}<span>Turn on sound</span>
          </button>`
        : nothing}
      ${badge ? html`<div slot="top-chrome" noautohide class="badge" role="status">${badge}</div>` : nothing}
      ${this.embed && stream ? this.#embedTitle(stream.title || this.stream, stream.viewers) : nothing}
      <media-control-bar class=${controls ? '' : 'away'} ?noautohide=${this.menuOpen}>
        <media-play-button tooltipplacement="top"></media-play-button>
        <media-mute-button tooltipplacement="top"></media-mute-button>
        <media-volume-range></media-volume-range>
        <ms-live-button
          .live=${playback.following}
          .behind_s=${Math.round(playback.behind_s)}
          @click=${() => playback.goLive()}
        ></ms-live-button>
        <span class="space"></span>
        ${captions.renditions.length > 0
          ? html`<ms-choice-menu
              .icon=${captionsIcon(22)}
              .sections=${captionSections(captions.renditions, captions.chosen)}
              .lit=${captions.chosen >= 0}
              label="Captions: ${captions.renditions[captions.chosen]?.name ?? 'off'}"
              hint="Captions (c)"
              @choose=${(event: CustomEvent<Chosen>) => this.#choose(live, event.detail)}
              @toggle=${this.#onMenu}
            ></ms-choice-menu>`
          : nothing}
        <ms-choice-menu
          .icon=${slidersIcon(22)}
          .sections=${sections}
          label=${qualityLabel(playback.chosen, current)}
          hint="Quality"
          @choose=${(event: CustomEvent<Chosen>) => this.#choose(live, event.detail)}
          @toggle=${this.#onMenu}
        ></ms-choice-menu>
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

  #choose({ playback, captions }: LivePlayer, { section, value }: Chosen): void {
    switch (section) {
      case 'quality':
        playback.choose(value);
        break;
      case 'sound':
        playback.chooseAudioTrack(value);
        break;
      case 'captions':
        captions.choose(value);
        break;
      case 'statistics':
        this.statisticsShown = value === 1;
        break;
    }
    this.requestUpdate();
  }

  #posterUrl(): string | null {
    const { known, stream } = this.#live?.watch ?? { known: 'asking', stream: null };
    const wanted = known === 'ended' || known === 'interrupted' || known === 'starting';
    return wanted && stream?.urls.poster
      ? `${liveBase(this.stream, this.token)}/poster.jpg`
      : null;
  }

  // The controller plays and pauses by itself; the playback has to know that the viewer meant it.
  #onPlayRequest(): void {
    void this.#live?.playback.play();
  }
  #onPauseRequest(): void {
    this.#live?.playback.pause();
  }

  #onMenu(event: Event): void {
    const menu = event.currentTarget as HTMLElement & { open: boolean };
    this.menuOpen = menu.open;
    menu.style.setProperty('--menu-room', `${this.clientHeight - 64}px`);
  }

  readonly #onKey = (event: KeyboardEvent): void => {
    if (!this.#live || event.defaultPrevented || belongsToFocus(event)) return;
    const { playback, captions } = this.#live;
    const { video } = playback;
    const used = pressKey(event.key, {
      toggle: () => playback.toggle(),
      mute: () => (video.muted ? playback.unmute() : (video.muted = true)),
      fullscreen: () => this.renderRoot.querySelector<HTMLElement>('media-fullscreen-button')?.click(),
      statistics: () => (this.statisticsShown = !this.statisticsShown),
      captions: () => {
        captions.toggle();
        this.requestUpdate();
      },
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
