import { LitElement, css, html, nothing } from 'lit';
import './copy-field.ts';
import './player.ts';
import './site-header.ts';
import { parseWatchAddress, type WatchAddress } from '../address.ts';
import type { Stream } from '../api.ts';
import { STATE_WORDS, elapsedText, rungName, viewersText } from '../format.ts';
import { lockIcon, shareIcon, viewersIcon } from '../icons.ts';
import type { Known } from '../overlay.ts';
import { buttons, pills, reset, type } from '../styles/shared.ts';

/** `/watch/{stream}`: the player, what it shows, and how to share it. `?embed=1`: the player alone. */
export class WatchPage extends LitElement {
  static override properties = { known: { state: true }, info: { state: true }, sharing: { state: true } };
  declare known: Known;
  declare info: Stream | null;
  declare sharing: boolean;

  static override styles = [
    reset,
    type,
    buttons,
    pills,
    css`
      main {
        max-width: 84rem;
        margin: 0 auto;
        padding: clamp(0rem, 2vw, 1.5rem) clamp(0rem, 3vw, 2rem) 4rem;
      }
      main.embedded {
        padding: 0;
      }
      .stage {
        max-width: calc((100vh - 14.5rem) * 16 / 9);
        min-width: min(100%, 40rem);
        margin: 0 auto;
        border-radius: var(--radius);
        overflow: hidden;
        box-shadow: var(--shadow);
        background: #000;
      }
      .about {
        max-width: calc((100vh - 14.5rem) * 16 / 9);
        min-width: min(100%, 40rem);
        margin: 0 auto;
        padding: 1.25rem 0 0;
      }
      .line {
        display: flex;
        flex-wrap: wrap;
        align-items: start;
        justify-content: space-between;
        gap: 0.75rem 1.5rem;
      }
      h1 {
        overflow-wrap: anywhere;
      }
      .facts {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0.5rem 1rem;
        margin-top: 0.625rem;
        color: var(--muted);
        font-size: 0.9375rem;
      }
      .facts span:not(.pill) {
        display: inline-flex;
        align-items: center;
        gap: 0.375rem;
      }
      .share {
        display: grid;
        align-items: start;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr));
        gap: 1.25rem;
        margin-top: 1.25rem;
        padding: 1.25rem;
        border: 1px solid var(--line);
        border-radius: var(--radius);
        background: var(--surface);
      }
      .lost {
        display: grid;
        justify-items: center;
        gap: 0.75rem;
        padding: 18vh 1.5rem;
        text-align: center;
      }
      @media (max-width: 44rem) {
        main {
          padding: 0 0 3rem;
        }
        .stage {
          border-radius: 0;
          box-shadow: none;
        }
        .about {
          padding-inline: 1rem;
        }
      }
    `,
  ];

  readonly #address: WatchAddress | null;
  #clock: ReturnType<typeof setInterval> | undefined;

  constructor() {
    super();
    this.known = 'asking';
    this.info = null;
    this.sharing = false;
    this.#address = parseWatchAddress(new URL(location.href));
    if (this.#address?.embed) document.documentElement.classList.add('embed');
  }

  override connectedCallback(): void {
    super.connectedCallback();
    // Another token in the fragment is another right: begin anew with it.
    addEventListener('hashchange', () => location.reload());
    this.#clock = setInterval(() => this.requestUpdate(), 15_000);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.#clock);
  }

  protected override render() {
    const address = this.#address;
    if (!address) {
      return html`<ms-site-header></ms-site-header>
        <main class="lost">
          <h1>There is no such stream</h1>
          <p class="muted">A stream's name has letters, digits, “-” and “_”.</p>
          <a class="button primary" href="/">See what is live</a>
        </main>`;
    }
    const player = html`<ms-player
      .stream=${address.stream}
      .token=${address.token}
      .technology=${address.technology}
      ?embed=${address.embed}
      @stream-change=${this.#onStream}
    ></ms-player>`;
    if (address.embed) {
      return html`<main class="embedded"><h1 class="visually-hidden">${this.info?.title || address.stream}</h1>${player}</main>`;
    }
    return html`<ms-site-header></ms-site-header>
      <main>
        <div class="stage">${player}</div>
        <section class="about" aria-label="About this stream">${this.#about(address)}</section>
      </main>`;
  }

  #about(address: WatchAddress) {
    const { info } = this;
    const shareable = this.known !== 'private' && this.known !== 'missing';
    return html`<div class="line">
        <div>
          <h1>${info?.title || address.stream}</h1>
          <div class="facts">
            ${this.#state()}
            ${info && this.known === 'live'
              ? html`<span class="numbers">${viewersIcon()} ${viewersText(info.viewers)}</span>
                  ${info.started_at ? html`<span class="numbers">for ${elapsedText(info.started_at, Date.now())}</span>` : nothing}
                  ${this.#best(info)}`
              : nothing}
            ${info?.visibility === 'private' ? html`<span>${lockIcon()} Private</span>` : nothing}
          </div>
        </div>
        ${shareable
          ? html`<button type="button" aria-expanded=${this.sharing} @click=${() => (this.sharing = !this.sharing)}>
              ${shareIcon()} Share
            </button>`
          : nothing}
      </div>
      ${shareable && this.sharing ? this.#share(address) : nothing}`;
  }

  #state() {
    const words = this.known in STATE_WORDS ? STATE_WORDS[this.known as Stream['state']] : '';
    return words ? html`<span class="pill ${this.known}">${words}</span>` : nothing;
  }

  #best(info: Stream) {
    const best = [...info.renditions].filter((rung) => rung.height).sort((a, b) => (b.height ?? 0) - (a.height ?? 0))[0];
    if (!best) return nothing;
    const name = rungName(
      { name: best.name, height: best.height ?? 0, width: best.width ?? 0, frameRate: info.publisher?.fps ?? 0 },
      undefined,
    );
    return html`<span>up to ${name.replace(' source', '')}</span>`;
  }

  #share(address: WatchAddress) {
    const link = `${location.origin}/watch/${address.stream}`;
    const fragment = address.token === null ? '' : `#token=${address.token}`;
    const embed =
      `<iframe src="${link}?embed=1${fragment}" width="960" height="540" ` +
      `allow="autoplay; fullscreen; picture-in-picture" style="border:0" title="Live video"></iframe>`;
    return html`<div class="share">
      <ms-copy-field label="Link" .value=${link + fragment}></ms-copy-field>
      <ms-copy-field label="Embed code" .value=${embed}></ms-copy-field>
    </div>`;
  }

  #onStream(event: CustomEvent<{ known: Known; stream: Stream | null }>): void {
    this.known = event.detail.known;
    this.info = event.detail.stream;
    document.title = `${this.info?.title || this.#address?.stream} · mediaserver`;
  }
}

customElements.define('ms-watch', WatchPage);
