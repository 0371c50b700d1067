import { LitElement, css, html, nothing } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import './stream-card.ts';
import { Api, type Stream } from '../api.ts';
import { viewersText } from '../format.ts';
import { broadcastIcon, lockIcon } from '../icons.ts';
import { Poller } from '../poll.ts';
import { operatorToken } from '../session.ts';
import { buttons, pills, reset, type } from '../styles/shared.ts';

const ON_AIR = new Set<Stream['state']>(['live', 'starting', 'interrupted']);
const REFRESH_MS = 5_000;

/** What is live now. Asks the server again and again. */
export class LiveList extends LitElement {
  static override properties = { streams: { state: true }, unreachable: { state: true } };
  /** null until the first answer. */
  declare streams: Stream[] | null;
  declare unreachable: boolean;

  static override styles = [
    reset,
    type,
    buttons,
    pills,
    css`
      :host {
        display: block;
      }
      .heading {
        display: flex;
        flex-wrap: wrap;
        align-items: baseline;
        justify-content: space-between;
        gap: 0.25rem 1.5rem;
        margin-bottom: 1.5rem;
      }
      .grid {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(min(100%, 18.5rem), 1fr));
        gap: 1.25rem;
      }
      .skeleton {
        border-radius: var(--radius);
        background: var(--surface);
        box-shadow: 0 0 0 1px var(--line);
        overflow: hidden;
      }
      .skeleton::before {
        content: '';
        display: block;
        aspect-ratio: 16 / 9;
        background: linear-gradient(100deg, var(--surface-sunken) 40%, var(--line) 50%, var(--surface-sunken) 60%) 0 0 / 250% 100%;
        animation: shimmer 1.6s linear infinite;
      }
      .skeleton::after {
        content: '';
        display: block;
        width: 60%;
        height: 0.875rem;
        margin: 1.125rem 1rem 2.25rem;
        border-radius: 6px;
        background: var(--surface-sunken);
      }
      @keyframes shimmer {
        from {
          background-position: 125% 0;
        }
        to {
          background-position: -25% 0;
        }
      }
      .empty {
        display: grid;
        grid-template-columns: minmax(0, 1fr) minmax(0, 1.1fr);
        align-items: center;
        gap: clamp(1.5rem, 5vw, 4rem);
        padding: clamp(1.25rem, 4vw, 3.5rem);
        border-radius: var(--radius-l);
        background:
          radial-gradient(70% 130% at 0% 0%, var(--accent-soft), transparent 70%), var(--surface);
        box-shadow:
          0 0 0 1px var(--line),
          var(--shadow);
      }
      .empty h1 {
        margin: 1rem 0 0.625rem;
      }
      .empty .mark {
        display: grid;
        place-items: center;
        width: 3.25rem;
        height: 3.25rem;
        border-radius: 16px;
        background: var(--accent);
        color: var(--on-accent);
      }
      .empty .primary {
        margin-top: 1.5rem;
      }
      ol {
        display: grid;
        gap: 1.25rem;
        counter-reset: step;
      }
      ol li {
        display: grid;
        grid-template-columns: 2rem minmax(0, 1fr);
        gap: 0.25rem 0.875rem;
        counter-increment: step;
      }
      ol li::before {
        content: counter(step);
        grid-row: span 2;
        display: grid;
        place-items: center;
        width: 2rem;
        height: 2rem;
        border-radius: 50%;
        background: var(--surface-sunken);
        font-weight: 640;
        font-size: 0.9375rem;
      }
      ol h2 {
        font-size: 1rem;
        line-height: 1.35;
      }
      ol p {
        color: var(--muted);
        font-size: 0.9375rem;
      }
      ol code {
        overflow-wrap: anywhere;
      }
      .off {
        margin-top: 2.75rem;
      }
      .off ul {
        display: flex;
        flex-wrap: wrap;
        gap: 0.625rem;
        margin-top: 0.875rem;
      }
      .off a {
        display: inline-flex;
        align-items: center;
        gap: 0.625rem;
        max-width: 100%;
        min-height: 2.5rem;
        padding: 0.25rem 0.5rem 0.25rem 0.875rem;
        border-radius: 999px;
        background: var(--surface);
        box-shadow: 0 0 0 1px var(--line);
        color: var(--text);
        font-size: 0.9375rem;
        text-decoration: none;
      }
      .private {
        display: inline-flex;
        flex: none;
        align-items: center;
        gap: 0.25rem;
        color: var(--muted);
        font-size: 0.875rem;
      }
      .off a:hover {
        box-shadow: 0 0 0 1px var(--line-strong);
      }
      .off a > span:first-child {
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .notice {
        margin-bottom: 1.25rem;
        padding: 0.75rem 1rem;
        border-radius: 10px;
        background: var(--warn-soft);
        color: var(--warn);
        font-weight: 540;
      }
      @media (max-width: 52rem) {
        .empty {
          grid-template-columns: minmax(0, 1fr);
        }
      }
    `,
  ];

  readonly #poller = new Poller(() => this.#ask());

  constructor() {
    super();
    this.streams = null;
    this.unreachable = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#poller.start();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#poller.stop();
  }

  async #ask(): Promise<number> {
    try {
      this.streams = await new Api(operatorToken.get()).streams();
      this.unreachable = false;
    } catch (error) {
      this.unreachable = true;
      throw error;
    }
    return REFRESH_MS;
  }

  protected override render() {
    const notice = this.unreachable
      ? html`<p class="notice" role="status">The server does not answer. Trying again.</p>`
      : nothing;
    if (this.streams === null) {
      return html`${notice}
        <div class="heading"><h1>Live now</h1></div>
        <div class="grid" aria-busy="true" aria-label="Loading">
          <div class="skeleton"></div>
          <div class="skeleton"></div>
          <div class="skeleton"></div>
        </div>`;
    }
    const live = this.streams.filter((stream) => ON_AIR.has(stream.state)).sort(byViewers);
    const off = this.streams.filter((stream) => !ON_AIR.has(stream.state));
    return html`${notice}${live.length > 0 ? this.#grid(live) : this.#empty(off)}${off.length > 0 ? this.#offAir(off) : nothing}`;
  }

  #grid(live: Stream[]) {
    const viewers = live.reduce((sum, stream) => sum + stream.viewers, 0);
    const streams = live.length === 1 ? '1 stream' : `${live.length} streams`;
    return html`<div class="heading">
        <h1>Live now</h1>
        <p class="muted numbers">${streams} · ${viewersText(viewers)}</p>
      </div>
      <div class="grid">
        ${repeat(
          live,
          (stream) => stream.name,
          (stream) => html`<ms-stream-card .stream=${stream} .now_ms=${Date.now()}></ms-stream-card>`,
        )}
      </div>`;
  }

  #empty(off: Stream[]) {
    const example = off[0]?.name ?? 'mine';
    return html`<div class="empty">
      <div>
        <div class="mark">${broadcastIcon(28)}</div>
        <h1>Nothing is live right now</h1>
        <p class="muted">
          As soon as someone broadcasts to this server, the picture is here, about a second after the camera saw it.
        </p>
        <a class="button primary" href="#broadcast">Start streaming</a>
      </div>
      <ol>
        <li>
          <h2>Name your stream</h2>
          <p>Open Broadcast with the operator's token. It is in the file <code>admin-token</code> in the server's data folder.</p>
        </li>
        <li>
          <h2>Copy its server and key</h2>
          <p>Paste them into OBS, or run the ffmpeg line that the page makes for you.</p>
        </li>
        <li>
          <h2>Share the link</h2>
          <p><code>${location.host}/watch/${example}</code> plays on laptops, phones and in other sites.</p>
        </li>
      </ol>
    </div>`;
  }

  #offAir(off: Stream[]) {
    return html`<section class="off" aria-labelledby="off">
      <h2 id="off">Off air</h2>
      <ul>
        ${off.map(
          (stream) => html`<li>
            <a href="/watch/${stream.name}">
              <span>${stream.title || stream.name}</span>
              ${stream.visibility === 'private' ? html`<span class="private">${lockIcon(14)} Private</span>` : nothing}
              <span class="pill">${stream.state === 'ended' ? 'Ended' : 'Starts soon'}</span>
            </a>
          </li>`,
        )}
      </ul>
    </section>`;
  }
}

function byViewers(a: Stream, b: Stream): number {
  return b.viewers - a.viewers || a.name.localeCompare(b.name);
}

customElements.define('ms-live-list', LiveList);
