import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { reset } from '../styles/shared.ts';

export interface Chosen {
  section: string;
  value: number;
}

export interface Choice {
  value: number;
  name: string;
  detail?: string;
}

/** Choices of which one holds, or with `toggle` one that is on or off. */
export interface Section {
  id: string;
  heading: string;
  choices: Choice[];
  chosen: number;
  /** A single choice that is on or off; with the key that does the same. */
  toggle?: { key: string };
}

/** A button of the control bar that opens a menu. Tells by `choose` with the section's id and the value. */
export class ChoiceMenu extends LitElement {
  static override properties = {
    sections: { attribute: false },
    icon: { attribute: false },
    label: {},
    hint: {},
    lit: { type: Boolean },
    open: { type: Boolean, reflect: true },
  };
  declare sections: Section[];
  declare icon: TemplateResult;
  /** What the button is called, with what is chosen. */
  declare label: string;
  /** What the menu is called. */
  declare hint: string;
  /** The button shows that something is on. */
  declare lit: boolean;
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
        position: relative;
        display: grid;
        justify-items: center;
        place-items: center;
        width: 2.75rem;
        min-height: 2.75rem;
        border-radius: 8px;
      }
      .opener.lit::after {
        content: '';
        position: absolute;
        bottom: 0.3125rem;
        width: 1.25rem;
        height: 0.1875rem;
        border-radius: 2px;
        background: #9fb0ff;
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
        width: 100%;
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
    this.sections = [];
    this.icon = html``;
    this.label = '';
    this.hint = '';
    this.lit = false;
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
    return html`<button
        class="opener ${this.lit ? 'lit' : ''}"
        type="button"
        aria-haspopup="menu"
        aria-expanded=${this.open}
        aria-label=${this.label}
        title=${this.hint}
        @click=${this.#toggle}
      >
        ${this.icon}
      </button>
      ${this.open ? this.#menu() : nothing}`;
  }

  #menu() {
    return html`<div class="menu" role="menu" aria-label=${this.hint} @keydown=${this.#onKey}>
      ${this.sections.map(
        (section, index) => html`${index > 0 ? html`<hr role="separator" />` : nothing}
          ${section.toggle ? this.#toggleItem(section, section.toggle.key) : this.#group(section)}`,
      )}
    </div>`;
  }

  #group(section: Section) {
    return html`<div role="group" aria-label=${section.heading}>
      <div class="heading" aria-hidden="true">${section.heading}</div>
      ${section.choices.map(
        ({ value, name, detail }) =>
          html`<button
            class="item"
            type="button"
            role="menuitemradio"
            aria-checked=${section.chosen === value}
            tabindex="-1"
            @click=${() => this.#choose(section.id, value)}
          >
            <i></i><span>${name}</span><span class="detail">${detail ?? ''}</span>
          </button>`,
      )}
    </div>`;
  }

  #toggleItem({ id, heading, chosen }: Section, key: string) {
    const on = chosen > 0;
    return html`<button
      class="item"
      type="button"
      role="menuitemcheckbox"
      aria-checked=${on}
      tabindex="-1"
      @click=${() => this.#choose(id, on ? 0 : 1)}
    >
      <i></i><span>${heading}</span><kbd aria-hidden="true">${key}</kbd>
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

  #choose(section: string, value: number): void {
    this.dispatchEvent(new CustomEvent<Chosen>('choose', { detail: { section, value } }));
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

customElements.define('ms-choice-menu', ChoiceMenu);
