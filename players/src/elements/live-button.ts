import { LitElement, css, html } from 'lit';
import { reset } from '../styles/shared.ts';

/** Shows whether the picture is at the live edge; takes it there when it is not. */
export class LiveButton extends LitElement {
  static override properties = { live: { type: Boolean }, behind_s: { type: Number } };
  declare live: boolean;
  declare behind_s: number;

  static override styles = [
    reset,
    css`
      :host {
        display: inline-flex;
      }
      button {
        appearance: none;
        display: inline-flex;
        align-items: center;
        gap: 0.5rem;
        height: 100%;
        min-height: 2.75rem;
        padding: 0 0.625rem;
        border: 0;
        border-radius: 8px;
        background: none;
        color: #fff;
        font: 600 0.8125rem/1 var(--font);
        letter-spacing: 0.02em;
        white-space: nowrap;
        cursor: pointer;
      }
      button:focus-visible {
        outline: 2px solid #fff;
        outline-offset: -3px;
      }
      i {
        width: 0.5625rem;
        height: 0.5625rem;
        border-radius: 50%;
        background: #aeb6c4;
      }
      .live i {
        background: #ff4d67;
        box-shadow: 0 0 0 0 rgb(255 77 103 / 0.7);
        animation: pulse 2.6s ease-out infinite;
      }
      .behind {
        font-variant-numeric: tabular-nums;
        color: #d4dae4;
      }
      @keyframes pulse {
        70%,
        100% {
          box-shadow: 0 0 0 0.5rem rgb(255 77 103 / 0);
        }
      }
    `,
  ];

  constructor() {
    super();
    this.live = true;
    this.behind_s = 0;
  }

  protected override render() {
    const behind = `${Math.round(this.behind_s)} s behind`;
    return html`<button
      type="button"
      class=${this.live ? 'live' : ''}
      aria-label=${this.live ? 'At the live edge' : `Go live, now ${behind}`}
      title=${this.live ? 'You are watching live' : 'Go live (l)'}
    >
      <i></i>${this.live ? 'LIVE' : html`<span>Go live</span><span class="behind">−${Math.round(this.behind_s)} s</span>`}
    </button>`;
  }
}

customElements.define('ms-live-button', LiveButton);
