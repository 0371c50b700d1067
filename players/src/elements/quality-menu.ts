import { LitElement, css, html, nothing } from 'lit';
import { slidersIcon } from '../icons.ts';
import { reset } from '../styles/shared.ts';

export interface Quality {
  index: number;
  name: string;
  detail: string;
}

/** The menu of picture qualities, and the switch for the statistics. */
export class QualityMenu extends LitElement {
  static override properties = {
    qualities: { attribute: false },
    chosen: { type: Number },
    current: { type: String },
    statistics: { type: Boolean },
    open: { type: Boolean, reflect: true },
  };
  declare qualities: Quality[];
  declare chosen: number;
  /** The name of what is on the screen, shown beside "Auto". */
  declare current: string;
  declare statistics: boolean;
  declare open: boolean;

  static override styles = [
    reset,
    css`
      :host {
        position: relative;
        display: inline-flex;
      }
      button {
        appearance: none;
        border: 0;
        background: none;
        color: #fff;
        font: 500 0.875rem/1.3 var(--font);
        cursor: pointer;
      }
      .opener {
        display: grid;
        place-items: center;
        width: 2.75rem;
        min-height: 2.75rem;
        border-radius: 8px;
      }
      button:focus-visible {
        outline: 2px solid #fff;
        outline-offset: -3px;
      }
      .menu {
        position: absolute;
        right: -2.75rem;
        bottom: calc(100% + 0.375rem);
        display: grid;
        min-width: 14.5rem;
        max-height: min(22rem, var(--menu-room, 60vh));
        overflow: auto;
        padding: 0.375rem;
        border-radius: 12px;
        background: rgb(18 21 28 / 0.97);
        box-shadow:
          0 0 0 1px rgb(255 255 255 / 0.09),
          0 18px 50px rgb(0 0 0 / 0.55);
        animation: rise 0.16s var(--ease);
      }
      .heading {
        padding: 0.5rem 0.625rem 0.3125rem;
        color: #aab3c2;
        font: 600 0.75rem/1.2 var(--font);
        letter-spacing: 0.03em;
      }
      .item {
        display: grid;
        grid-template-columns: 1.125rem 1fr auto;
        align-items: center;
        gap: 0.5rem;
        min-height: 2.375rem;
        padding: 0.25rem 0.625rem;
        border-radius: 8px;
        text-align: left;
      }
      .item:hover,
      .item:focus-visible {
        background: rgb(255 255 255 / 0.11);
      }
      .item i {
        width: 0.5rem;
        height: 0.5rem;
        border-radius: 50%;
        justify-self: center;
      }
      .item[aria-checked='true'] i {
        background: #9fb0ff;
      }
      .item[aria-checked='true'] {
        font-weight: 620;
      }
      .detail {
        color: #aab3c2;
        font-size: 0.8125rem;
        font-weight: 400;
        font-variant-numeric: tabular-nums;
      }
      hr {
        width: calc(100% - 1.25rem);
        margin: 0.375rem 0.625rem;
        border: 0;
        border-top: 1px solid rgb(255 255 255 / 0.13);
      }
      kbd {
        padding: 0.0625rem 0.375rem;
        border-radius: 5px;
        background: rgb(255 255 255 / 0.13);
        font: 500 0.75rem/1.4 var(--font-mono);
      }
      @keyframes rise {
        from {
          opacity: 0;
          transform: translateY(6px);
        }
      }
    `,
  ];

  constructor() {
    super();
    this.qualities = [];
    this.chosen = -1;
    this.current = '';
    this.statistics = false;
    this.open = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    document.addEventListener('pointerdown', this.#onOutside, true);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    document.removeEventListener('pointerdown', this.#onOutside, true);
  }

  protected override render() {
    const name = this.chosen < 0 ? `automatic, now ${this.current || 'choosing'}` : this.current;
    return html`<button
        class="opener"
        type="button"
        aria-haspopup="menu"
        aria-expanded=${this.open}
        aria-label="Quality: ${name}"
        title="Quality"
        @click=${this.#toggle}
      >
        ${slidersIcon(22)}
      </button>
      ${this.open ? this.#menu() : nothing}`;
  }

  #menu() {
    return html`<div class="menu" role="menu" aria-label="Quality" @keydown=${this.#onKey}>
      <div class="heading" aria-hidden="true">Quality</div>
      ${this.#item(-1, 'Auto', this.chosen < 0 ? this.current : '')}
      ${this.qualities.map((quality) => this.#item(quality.index, quality.name, quality.detail))}
      <hr role="separator" />
      <button
        class="item"
        type="button"
        role="menuitemcheckbox"
        aria-checked=${this.statistics}
        tabindex="-1"
        @click=${this.#toggleStatistics}
      >
        <i></i><span>Statistics</span><kbd aria-hidden="true">i</kbd>
      </button>
    </div>`;
  }

  #item(index: number, name: string, detail: string) {
    return html`<button
      class="item"
      type="button"
      role="menuitemradio"
      aria-checked=${this.chosen === index}
      tabindex="-1"
      @click=${() => this.#choose(index)}
    >
      <i></i><span>${name}</span><span class="detail">${detail}</span>
    </button>`;
  }

  #toggle(): void {
    this.open = !this.open;
    this.dispatchEvent(new Event('toggle'));
    if (!this.open) return;
    void this.updateComplete.then(() => {
      const items = this.#items();
      (items.find((item) => item.getAttribute('aria-checked') === 'true') ?? items[0])?.focus();
    });
  }

  #close(refocus: boolean): void {
    if (!this.open) return;
    this.open = false;
    this.dispatchEvent(new Event('toggle'));
    if (refocus) this.renderRoot.querySelector<HTMLElement>('.opener')?.focus();
  }

  #choose(index: number): void {
    this.dispatchEvent(new CustomEvent('choose', { detail: index }));
    this.#close(true);
  }

  #toggleStatistics(): void {
    this.dispatchEvent(new Event('statistics'));
    this.#close(true);
  }

  #items(): HTMLElement[] {
    return [...this.renderRoot.querySelectorAll<HTMLElement>('.item')];
  }

  readonly #onOutside = (event: Event): void => {
    if (!event.composedPath().includes(this)) this.#close(false);
  };

  #onKey(event: KeyboardEvent): void {
    const items = this.#items();
    const at = items.indexOf(this.renderRoot instanceof ShadowRoot ? (this.renderRoot.activeElement as HTMLElement) : items[0]!);
    const next: Record<string, number> = {
      ArrowDown: (at + 1) % items.length,
      ArrowUp: (at - 1 + items.length) % items.length,
      Home: 0,
      End: items.length - 1,
    };
    if (event.key === 'Escape' || event.key === 'Tab') this.#close(true);
    const index = next[event.key];
    if (index !== undefined) items[index]?.focus();
    // The page's own keys must not act while the menu has the keyboard.
    event.stopPropagation();
    if (index !== undefined || event.key === 'Escape') event.preventDefault();
  }
}

customElements.define('ms-quality-menu', QualityMenu);
