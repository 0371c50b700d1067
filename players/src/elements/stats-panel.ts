import { LitElement, css, html } from 'lit';
import { bitrateText } from '../format.ts';
import { closeIcon } from '../icons.ts';
import type { Statistics } from '../statistics.ts';
import { reset } from '../styles/shared.ts';

/** Numbers for those who want them: how far behind, how much in hand, what the steering does. */
export class StatsPanel extends LitElement {
  static override properties = { statistics: { attribute: false }, quality: {}, size: {} };
  declare statistics: Statistics | null;
  declare quality: string;
  declare size: string;

  static override styles = [
    reset,
    css`
      :host {
        position: absolute;
        top: 0.75rem;
        left: 0.75rem;
        z-index: 2;
        max-height: calc(100% - 4.5rem);
        overflow: auto;
        padding: 0.625rem 2.25rem 0.625rem 0.75rem;
        border-radius: 10px;
        background: rgb(10 12 17 / 0.86);
        box-shadow: 0 0 0 1px rgb(255 255 255 / 0.09);
        color: #e9edf4;
        font: 400 0.75rem/1.55 var(--font-mono);
      }
      dl {
        display: grid;
        grid-template-columns: auto auto;
        gap: 0 1.25rem;
      }
      dt {
        color: #aab3c2;
      }
      dd {
        text-align: right;
        font-variant-numeric: tabular-nums;
      }
      button {
        appearance: none;
        position: absolute;
        top: 0.25rem;
        right: 0.25rem;
        display: grid;
        place-items: center;
        width: 1.5rem;
        height: 1.5rem;
        padding: 0;
        border: 0;
        border-radius: 6px;
        background: none;
        color: inherit;
        cursor: pointer;
      }
      button:focus-visible {
        outline: 2px solid #fff;
      }
      /* A phone's player is 200 pixels high: two columns of numbers fit into it, one does not. */
      @container (max-width: 36rem) {
        :host {
          inset: 0.375rem 0.375rem auto;
          max-height: calc(100% - 3.5rem);
          padding: 0.375rem 1.875rem 0.375rem 0.5rem;
          font-size: 0.6875rem;
        }
        dl {
          grid-template-columns: repeat(2, auto 1fr);
          gap: 0 0.625rem;
        }
      }
    `,
  ];

  constructor() {
    super();
    this.statistics = null;
    this.quality = '';
    this.size = '';
  }

  protected override render() {
    const numbers = this.statistics;
    if (!numbers) return html``;
    const rows: [string, string][] = [
      ['Latency', seconds(numbers.latency_s)],
      ['Target', seconds(numbers.target_s)],
      ['Buffer', seconds(numbers.buffer_s)],
      ['Rate', `${numbers.rate.toFixed(2)}×`],
      ['Quality', this.quality || '–'],
      ['Picture', this.size || '–'],
      ['Link', bitrateText(numbers.bandwidth_bps) || '–'],
      ['Dropped', `${numbers.dropped_frames}`],
      ['Stalls', `${numbers.stalls}`],
      ['First picture', numbers.first_frame_ms === null ? '–' : `${Math.round(numbers.first_frame_ms)} ms`],
    ];
    return html`<button type="button" aria-label="Close the statistics" @click=${() => this.dispatchEvent(new Event('close'))}>
        ${closeIcon(14)}
      </button>
      <dl aria-label="Statistics">${rows.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
  }
}

function seconds(value: number): string {
  return Number.isFinite(value) ? `${value.toFixed(2)} s` : '–';
}

customElements.define('ms-stats-panel', StatsPanel);
