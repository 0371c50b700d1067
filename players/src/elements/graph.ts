import { LitElement, css, html, unsafeCSS } from 'lit';
import uPlot from 'uplot';
// A style sheet of its own inside the element: the policy allows what our own script makes, and nothing inline.
import uPlotStyles from 'uplot/dist/uPlot.min.css?inline';
import type { GraphKind } from '../studio/graphs.ts';
import { graphText } from '../studio/graphs.ts';
import type { Columns } from '../studio/history.ts';
import { reset, type } from '../styles/shared.ts';

const HEIGHT_PX = 150;
const COLOURS = 6;
const DARK = matchMedia('(prefers-color-scheme: dark)');

/** One live graph: its name, the newest value in large figures, the lines, and what each is now. */
export class Graph extends LitElement {
  static override properties = { kind: { attribute: false }, columns: { attribute: false }, at: { state: true } };
  declare kind: GraphKind;
  declare columns: Columns;
  /** The moment under the pointer, as an index; null: the newest. */
  declare at: number | null;

  static override styles = [
    reset,
    type,
    unsafeCSS(uPlotStyles),
    css`
      :host {
        display: grid;
        align-content: start;
        gap: 0.5rem;
        min-width: 0;
        padding: 1rem 1.125rem 0.875rem;
      }
      header {
        display: flex;
        align-items: baseline;
        justify-content: space-between;
        gap: 0.75rem;
      }
      h3 {
        font-size: 0.9375rem;
      }
      .now {
        font-size: 1.375rem;
        font-weight: 640;
        letter-spacing: -0.02em;
        font-variant-numeric: tabular-nums;
        white-space: nowrap;
      }
      .now small {
        color: var(--muted);
        font-size: 0.8125rem;
        font-weight: 500;
        letter-spacing: 0;
      }
      .plot {
        min-width: 0;
        height: 150px;
        overflow: hidden;
      }
      .u-wrap,
      .uplot {
        font-family: var(--font);
      }
      .uplot .u-cursor-x {
        border-right-color: var(--line-strong);
      }
      ul {
        display: flex;
        flex-wrap: wrap;
        gap: 0.125rem 0.875rem;
        min-height: 1.25rem;
        color: var(--muted);
        font-size: 0.8125rem;
        font-variant-numeric: tabular-nums;
      }
      li {
        display: inline-flex;
        align-items: center;
        gap: 0.375rem;
        overflow-wrap: anywhere;
      }
      i {
        width: 0.75rem;
        height: 0.1875rem;
        border-radius: 2px;
      }
      .c0 {
        background: var(--line-1);
      }
      .c1 {
        background: var(--line-2);
      }
      .c2 {
        background: var(--line-3);
      }
      .c3 {
        background: var(--line-4);
      }
      .c4 {
        background: var(--line-5);
      }
      .c5 {
        background: var(--line-6);
      }
      b {
        color: var(--text);
        font-weight: 580;
      }
    `,
  ];

  #plot: uPlot | null = null;
  #drawn = '';
  readonly #size = new ResizeObserver(() => this.#resize());

  constructor() {
    super();
    this.columns = { times_s: [], names: [], values: [] };
    this.at = null;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    DARK.addEventListener('change', this.#onScheme);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    DARK.removeEventListener('change', this.#onScheme);
    this.#size.disconnect();
    this.#plot?.destroy();
    this.#plot = null;
    this.#drawn = '';
  }

  readonly #onScheme = (): void => {
    // A canvas keeps the colours that it was drawn with.
    this.#drawn = '';
    this.requestUpdate();
  };

  #latest(): [string, number | null][] {
    const { names, values } = this.columns;
    return names.map((name, index) => [name, values[index]?.at(this.at ?? -1) ?? null]);
  }

  protected override render() {
    const { kind } = this;
    const latest = this.#latest();
    const first = latest.find(([, value]) => value !== null)?.[1] ?? null;
    return html`<header>
        <h3>${kind.title}</h3>
        <span class="now">${first === null ? '–' : kind.text(first)} <small>${kind.unit}</small></span>
      </header>
      <div class="plot" role="img" aria-label=${graphText(kind, latest)}></div>
      ${latest.length > 1
        ? html`<ul aria-hidden="true">
            ${latest.map(
              ([name, value], index) =>
                html`<li><i class="c${index % COLOURS}"></i>${name} <b>${value === null ? '–' : kind.text(value)}</b></li>`,
            )}
          </ul>`
        : ''}`;
  }

  protected override updated(changed: Map<string, unknown>): void {
    const names = this.columns.names.join('\n');
    if (this.#drawn !== names || !this.#plot) this.#make(names);
    else if (changed.has('columns')) this.#plot.setData(this.#data());
  }

  #data(): uPlot.AlignedData {
    const { times_s, values } = this.columns;
    return [times_s as number[], ...(values as (number | null)[][])];
  }

  #make(names: string): void {
    const place = this.renderRoot.querySelector<HTMLElement>('.plot');
    if (!place || this.columns.names.length === 0) return;
    this.#plot?.destroy();
    this.#drawn = names;
    this.#plot = new uPlot(this.#options(place.clientWidth || 320), this.#data(), place);
    this.#size.disconnect();
    this.#size.observe(place);
  }

  #resize(): void {
    const width = this.renderRoot.querySelector('.plot')?.clientWidth ?? 0;
    if (this.#plot && width > 0 && width !== this.#plot.width) this.#plot.setSize({ width, height: HEIGHT_PX });
  }

  #options(width: number): uPlot.Options {
    const style = getComputedStyle(this);
    const colour = (name: string) => style.getPropertyValue(name).trim();
    const { kind } = this;
    const axis = {
      stroke: colour('--muted'),
      font: '12px ui-sans-serif, system-ui, sans-serif',
      grid: { stroke: colour('--line'), width: 1 },
      ticks: { show: false },
    };
    return {
      width,
      height: HEIGHT_PX,
      padding: [8, 4, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
      scales: { y: { range: (_plot, _low, high) => [0, Math.max(kind.reach, (high ?? 0) * 1.15)] } },
      axes: [
        { ...axis, space: 80, size: 26, values: (_plot, ticks) => ticks.map(clockText) },
        { ...axis, size: 44, space: 32 },
      ],
      series: [
        {},
        ...this.columns.names.map((label, index) => ({
          label,
          stroke: colour(`--line-${(index % COLOURS) + 1}`),
          width: index === 0 ? 2 : 1.5,
          points: { show: false },
          ...(this.columns.names.length === 1 && { fill: `${colour('--line-1')}1f` }),
        })),
      ],
      hooks: {
        setCursor: [(plot) => (this.at = plot.cursor.idx ?? null)],
        draw: [(plot) => kind.limit !== undefined && drawLimit(plot, kind.limit, colour('--line-strong'))],
      },
    };
  }
}

function drawLimit({ ctx, bbox, valToPos }: uPlot, limit: number, colour: string): void {
  const y = Math.round(valToPos(limit, 'y', true));
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.lineWidth = 1;
  ctx.setLineDash([5, 5]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.restore();
}

function clockText(time_s: number): string {
  return new Date(time_s * 1000).toTimeString().slice(0, 8);
}

customElements.define('ms-graph', Graph);
