import { LitElement, css, html, nothing } from 'lit';
import type { Stream } from '../api.ts';
import { STATE_WORDS, countText, elapsedText } from '../format.ts';
import { broadcastIcon, lockIcon, viewersIcon } from '../icons.ts';
import { pills, reset, type } from '../styles/shared.ts';

/** The server makes a new poster this often. */
const POSTER_MS = 10_000;

/** One live stream on the start page. */
export class StreamCard extends LitElement {
  static override properties = { stream: { attribute: false }, now_ms: { type: Number }, noPoster: { state: true } };
  declare stream: Stream | null;
  declare now_ms: number;
  declare noPoster: boolean;

  static override styles = [
    reset,
    type,
    pills,
    css`
      :host {
        display: block;
      }
      a {
        display: block;
        height: 100%;
        border-radius: var(--radius);
        background: var(--surface);
        box-shadow:
          0 0 0 1px var(--line),
          var(--shadow);
        color: inherit;
        text-decoration: none;
        overflow: hidden;
        transition:
          box-shadow 0.25s var(--ease),
          transform 0.25s var(--ease);
      }
      a:hover {
        box-shadow:
          0 0 0 1px var(--line),
          var(--shadow-lifted);
        transform: translateY(-2px);
      }
      .picture {
        position: relative;
        display: grid;
        place-items: center;
        aspect-ratio: 16 / 9;
        background:
          radial-gradient(90% 120% at 15% 0%, rgb(86 108 220 / 0.42), transparent 60%),
          radial-gradient(80% 100% at 100% 100%, rgb(170 60 110 / 0.3), transparent 60%), #141823;
        color: rgb(255 255 255 / 0.5);
        overflow: hidden;
      }
      img {
        position: absolute;
        inset: 0;
        width: 100%;
        height: 100%;
        object-fit: cover;
        transition: transform 0.5s var(--ease);
      }
      a:hover img {
        transform: scale(1.025);
      }
      .top {
        position: absolute;
        inset: 0.75rem 0.75rem auto;
        display: flex;
        justify-content: space-between;
        gap: 0.5rem;
      }
      .chip {
        display: inline-flex;
        align-items: center;
        gap: 0.375rem;
        height: 1.5rem;
        padding: 0 0.5625rem;
        border-radius: 999px;
        background: rgb(8 10 15 / 0.76);
        color: #fff;
        font-size: 0.8125rem;
        font-weight: 560;
        font-variant-numeric: tabular-nums;
      }
      .words {
        display: grid;
        gap: 0.1875rem;
        padding: 0.875rem 1rem 1rem;
      }
      h2 {
        display: -webkit-box;
        font-size: 1rem;
        line-height: 1.35;
        -webkit-box-orient: vertical;
        -webkit-line-clamp: 2;
        line-clamp: 2;
        overflow: hidden;
        overflow-wrap: anywhere;
      }
      .under {
        display: flex;
        flex-wrap: wrap;
        gap: 0 0.625rem;
        color: var(--muted);
        font-size: 0.875rem;
        font-variant-numeric: tabular-nums;
      }
      .under span {
        display: inline-flex;
        align-items: center;
        gap: 0.25rem;
      }
    `,
  ];

  constructor() {
    super();
    this.stream = null;
    this.now_ms = 0;
    this.noPoster = false;
  }

  protected override willUpdate(changed: Map<string, unknown>): void {
    // A card may be given another stream, and a poster that was missing may be there by now.
    if (changed.has('stream')) this.noPoster = false;
  }

  protected override render() {
    const { stream } = this;
    if (!stream) return nothing;
    const best = Math.max(0, ...stream.renditions.map((rung) => rung.height ?? 0));
    const version = Math.floor(this.now_ms / POSTER_MS);
    // A private poster would need a token in its address; the operator sees the placeholder.
    const poster = stream.visibility === 'public' && stream.urls.poster && !this.noPoster;
    return html`<a href="/watch/${stream.name}">
      <div class="picture">
        ${broadcastIcon(44)}
        ${poster
          ? html`<img alt="" src="/live/${stream.name}/poster.jpg?v=${version}" @error=${() => (this.noPoster = true)} />`
          : nothing}
        <div class="top">
          <span class="pill ${stream.state}">${STATE_WORDS[stream.state]}</span>
          <span class="chip">${viewersIcon(15)}<span>${countText(stream.viewers)}</span><span class="visually-hidden">watching</span></span>
        </div>
      </div>
      <div class="words">
        <h2>${stream.title || stream.name}</h2>
        <div class="under">
          ${stream.visibility === 'private' ? html`<span>${lockIcon(14)} Private</span>` : nothing}
          ${stream.started_at ? html`<span>for ${elapsedText(stream.started_at, this.now_ms)}</span>` : nothing}
          ${best > 0 ? html`<span>${best}p</span>` : nothing}
        </div>
      </div>
    </a>`;
  }
}

customElements.define('ms-stream-card', StreamCard);
