import { LitElement, css, html, nothing } from 'lit';
import type { Rendition } from '../api.ts';
import { bitrateText } from '../format.ts';
import type { RungMeasured } from '../studio/measured.ts';
import { reset } from '../styles/shared.ts';

/** The stream's renditions: what each is, who makes it, and whether the machine keeps up with it. */
export class RenditionsTable extends LitElement {
  static override properties = { renditions: { attribute: false }, measured: { attribute: false } };
  declare renditions: Rendition[];
  declare measured: RungMeasured[];

  static override styles = [
    reset,
    css`
      :host {
        display: block;
        container-type: inline-size;
        overflow-x: auto;
      }
      table {
        width: 100%;
        border-collapse: collapse;
        font-size: 0.9375rem;
        font-variant-numeric: tabular-nums;
      }
      th,
      td {
        padding: 0.625rem 0.75rem;
        text-align: left;
        white-space: nowrap;
      }
      th:first-child,
      td:first-child {
        padding-left: clamp(1rem, 2.5vw, 1.375rem);
      }
      td.number,
      th.number {
        text-align: right;
      }
      thead th {
        color: var(--muted);
        font-size: 0.8125rem;
        font-weight: 560;
      }
      tbody th {
        font-weight: 600;
      }
      tbody tr {
        border-top: 1px solid var(--line);
      }
      .codecs {
        color: var(--muted);
        font: 400 0.8125rem/1.4 var(--font-mono);
      }
      .chip {
        display: inline-block;
        padding: 0.125rem 0.5rem;
        border-radius: 999px;
        background: var(--surface-sunken);
        color: var(--muted);
        font-size: 0.8125rem;
        font-weight: 560;
      }
      .passed {
        background: var(--good-soft);
        color: var(--good);
      }
      .encoded {
        background: var(--accent-soft);
        color: var(--accent);
      }
      .given-up {
        background: var(--warn-soft);
        color: var(--warn);
      }
      /* Where the columns do not fit, each rendition is a small list. */
      @container (max-width: 46rem) {
        table,
        tbody {
          display: block;
        }
        thead {
          position: absolute;
          width: 1px;
          height: 1px;
          overflow: hidden;
          clip-path: inset(50%);
        }
        tbody tr {
          display: grid;
          grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr));
          gap: 0.5rem 1rem;
          padding: 0.875rem clamp(1rem, 2.5vw, 1.375rem);
        }
        tbody tr > :is(th, td):nth-child(n) {
          padding: 0;
          text-align: left;
          white-space: normal;
          overflow-wrap: anywhere;
        }
        td[data-name]::before {
          content: attr(data-name);
          display: block;
          color: var(--muted);
          font: 560 0.8125rem/1.4 var(--font);
        }
        td.codecs {
          grid-column: 1 / -1;
        }
      }
    `,
  ];

  constructor() {
    super();
    this.renditions = [];
    this.measured = [];
  }

  protected override render() {
    const known = new Map(this.renditions.map((rendition) => [rendition.name, rendition]));
    const measured = new Map(this.measured.map((rung) => [rung.name, rung]));
    const names = [...new Set([...known.keys(), ...measured.keys()])];
    return html`<table role="table" tabindex="-1">
      <thead role="rowgroup">
        <tr role="row">
          <th role="columnheader" scope="col">Rendition</th>
          <th role="columnheader" scope="col">State</th>
          <th role="columnheader" scope="col">Picture</th>
          <th role="columnheader" scope="col" class="number">Bitrate</th>
          <th role="columnheader" scope="col" class="number">Speed</th>
          <th role="columnheader" scope="col" class="number">Late</th>
          <th role="columnheader" scope="col">Encoder</th>
          <th role="columnheader" scope="col">Codecs</th>
        </tr>
      </thead>
      <tbody role="rowgroup">
        ${names.map((name) => this.#row(name, known.get(name), measured.get(name)))}
      </tbody>
    </table>`;
  }

  #row(name: string, rendition: Rendition | undefined, rung: RungMeasured | undefined) {
    const state = rung?.state ?? (rendition ? (rendition.passthrough ? 'passed' : 'encoded') : null);
    const late_s = rung?.part_lateness_s ?? null;
    return html`<tr role="row">
      <th role="rowheader" scope="row">${name}</th>
      <td role="cell">${state ? html`<span class="chip ${state.replace(' ', '-')}">${WORDS[state]}</span>` : nothing}</td>
      <td role="cell" data-name="Picture">${rendition?.width && rendition.height ? `${rendition.width} × ${rendition.height}` : '–'}</td>
      <td role="cell" data-name="Bitrate" class="number">${bitrateText(rung?.bitrate_bps ?? rendition?.bitrate_bps) || '–'}</td>
      <td role="cell" data-name="Speed" class="number">${rung?.speed ? `${rung.speed.toFixed(2)}×` : '–'}</td>
      <td role="cell" data-name="Late" class="number">${late_s === null ? '–' : `${Math.round(late_s * 1000)} ms`}</td>
      <td role="cell" data-name="Encoder">${rung?.encoder ?? '–'}</td>
      <td role="cell" data-name="Codecs" class="codecs">${rendition?.codecs ?? ''}</td>
    </tr>`;
  }
}

const WORDS = { passed: 'Passed through', encoded: 'Encoded', 'given up': 'Given up' } as const;

customElements.define('ms-renditions-table', RenditionsTable);
