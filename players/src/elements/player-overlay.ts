import { LitElement, css, html, nothing } from 'lit';
import { playIcon } from '../icons.ts';
import type { Overlay } from '../overlay.ts';
import { reset } from '../styles/shared.ts';

/** The calm words over the picture: soon, interrupted, ended, loading. Announced to screen readers. */
export class PlayerOverlay extends LitElement {
  static override properties = { overlay: { attribute: false }, poster: {} };
  declare overlay: Overlay | null;
  declare poster: string | null;

  static override styles = [
    reset,
    css`
      :host {
        position: absolute;
        inset: 0;
        display: grid;
        place-items: center;
        color: #fff;
        font: 400 1rem/1.5 var(--font);
        pointer-events: none !important;
      }
      .back,
      .poster {
        position: absolute;
        inset: 0;
        width: 100%;
        height: 100%;
        opacity: 0;
        transition: opacity 0.35s var(--ease);
      }
      .back {
        background:
          radial-gradient(120% 90% at 50% 0%, rgb(60 78 160 / 0.38), transparent 60%),
          radial-gradient(90% 80% at 85% 100%, rgb(150 40 80 / 0.22), transparent 60%), rgb(9 11 16 / 0.86);
      }
      .poster {
        object-fit: cover;
        filter: blur(14px) saturate(1.1);
        transform: scale(1.06);
      }
      :host([tone='full']) .back,
      :host([tone='full']) .poster {
        opacity: 1;
      }
      :host([tone='light']) .back {
        opacity: 1;
        background: rgb(9 11 16 / 0.62);
        -webkit-backdrop-filter: blur(14px) saturate(1.15);
        backdrop-filter: blur(14px) saturate(1.15);
      }
      .words {
        position: relative;
        display: grid;
        justify-items: center;
        gap: 0.375rem;
        max-width: 30rem;
        padding: 1rem 1.25rem;
        text-align: center;
        animation: rise 0.45s var(--ease);
      }
      .title {
        font-size: clamp(1.125rem, 0.9rem + 1.6vw, 1.75rem);
        font-weight: 660;
        letter-spacing: -0.02em;
        line-height: 1.2;
      }
      .text {
        color: rgb(255 255 255 / 0.82);
        font-size: clamp(0.875rem, 0.82rem + 0.3vw, 1rem);
        text-wrap: balance;
      }
      .dots {
        display: flex;
        gap: 0.4375rem;
        margin-bottom: 0.75rem;
      }
      .dots i {
        width: 0.5rem;
        height: 0.5rem;
        border-radius: 50%;
        background: #fff;
        animation: breathe 1.5s ease-in-out infinite;
      }
      .dots i:nth-child(2) {
        animation-delay: 0.18s;
      }
      .dots i:nth-child(3) {
        animation-delay: 0.36s;
      }
      .loading {
        animation: appear 0.2s 0.45s both;
      }
      .loading .dots {
        margin: 0;
      }
      button {
        pointer-events: auto;
        appearance: none;
        display: grid;
        place-items: center;
        width: 4.5rem;
        height: 4.5rem;
        border: 0;
        border-radius: 50%;
        background: rgb(255 255 255 / 0.94);
        color: #10131a;
        cursor: pointer;
        box-shadow: 0 10px 40px rgb(0 0 0 / 0.5);
      }
      button:focus-visible {
        outline: 3px solid #fff;
        outline-offset: 4px;
      }
      @keyframes breathe {
        0%,
        60%,
        100% {
          opacity: 0.3;
          transform: none;
        }
        30% {
          opacity: 1;
          transform: translateY(-3px);
        }
      }
      @keyframes rise {
        from {
          opacity: 0;
          transform: translateY(6px);
        }
      }
      @keyframes appear {
        from {
          opacity: 0;
        }
      }
    `,
  ];

  constructor() {
    super();
    this.overlay = null;
    this.poster = null;
  }

  protected override willUpdate(): void {
    const { overlay } = this;
    const silent = overlay === null || overlay.kind === 'loading' || overlay.kind === 'click';
    this.setAttribute('tone', silent ? 'none' : overlay.light ? 'light' : 'full');
  }

  protected override render() {
    const { overlay } = this;
    const poster =
      overlay && !overlay.light && this.poster
        ? html`<img class="poster" alt="" src=${this.poster} @error=${this.#dropPoster} />`
        : nothing;
    return html`${poster}
      <div class="back"></div>
      <div role="status" aria-live="polite">${overlay ? this.#words(overlay) : nothing}</div>`;
  }

  #words(overlay: Overlay) {
    if (overlay.kind === 'click') {
      return html`<button type="button" aria-label="Play" @click=${this.#play}>${playIcon(34)}</button>`;
    }
    const dots = overlay.waiting ? html`<div class="dots" aria-hidden="true"><i></i><i></i><i></i></div>` : nothing;
    if (overlay.kind === 'loading') {
      return html`<div class="words loading">${dots}<span class="visually-hidden">Loading</span></div>`;
    }
    return html`<div class="words">
      ${dots}
      <p class="title">${overlay.title}</p>
      <p class="text">${overlay.text}</p>
    </div>`;
  }

  #dropPoster(): void {
    this.poster = null;
  }

  #play(): void {
    this.dispatchEvent(new Event('play-wanted'));
  }
}

customElements.define('ms-player-overlay', PlayerOverlay);
