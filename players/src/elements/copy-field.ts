import { LitElement, css, html } from 'lit';
import { checkIcon, copyIcon } from '../icons.ts';
import { buttons, reset } from '../styles/shared.ts';

/** A value to take along: shown whole, copied with one press. A secret is hidden until asked for. */
export class CopyField extends LitElement {
  static override properties = {
    label: {},
    value: {},
    secret: { type: Boolean },
    shown: { state: true },
    copied: { state: true },
  };
  declare label: string;
  declare value: string;
  declare secret: boolean;
  declare shown: boolean;
  declare copied: boolean;

  static override styles = [
    reset,
    buttons,
    css`
      :host {
        display: grid;
        gap: 0.375rem;
      }
      .label {
        font-weight: 580;
        font-size: 0.875rem;
      }
      .row {
        display: flex;
        align-items: stretch;
        border: 1px solid var(--line);
        border-radius: 10px;
        background: var(--surface-sunken);
        overflow: hidden;
      }
      code {
        flex: 1;
        min-width: 0;
        padding: 0.6875rem 0.875rem;
        font: 400 0.875rem/1.5 var(--font-mono);
        overflow-wrap: anywhere;
        user-select: all;
      }
      button {
        min-height: 2.75rem;
        border: 0;
        border-left: 1px solid var(--line);
        border-radius: 0;
        background: transparent;
      }
      button:hover {
        background: var(--surface);
      }
      button:focus-visible {
        outline-offset: -3px;
      }
      .done {
        color: var(--good);
      }
    `,
  ];

  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    super();
    this.label = '';
    this.value = '';
    this.secret = false;
    this.shown = false;
    this.copied = false;
  }

  protected override render() {
    const hidden = this.secret && !this.shown;
    return html`<span class="label" id="label">${this.label}</span>
      <div class="row" role="group" aria-labelledby="label">
        <code>${hidden ? '•'.repeat(24) : this.value}</code>
        ${this.secret
          ? html`<button type="button" aria-pressed=${this.shown} @click=${() => (this.shown = !this.shown)}>
              ${this.shown ? 'Hide' : 'Show'}
            </button>`
          : ''}
        <button
          type="button"
          class=${this.copied ? 'done' : ''}
          aria-label="Copy ${this.label.toLowerCase()}"
          title="Copy"
          @click=${this.#copy}
        >
          ${this.copied ? checkIcon() : copyIcon()}
        </button>
      </div>
      <span class="visually-hidden" role="status">${this.copied ? 'Copied' : ''}</span>`;
  }

  async #copy(): Promise<void> {
    if (!(await copyText(this.value))) {
      this.shown = true;
      await this.updateComplete;
      const code = this.renderRoot.querySelector('code');
      if (code) getSelection()?.selectAllChildren(code);
      return;
    }
    this.copied = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (this.copied = false), 2000);
  }
}

/** Copies; also on plain http, where the clipboard interface is missing. */
async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    area.setAttribute('readonly', '');
    document.body.append(area);
    area.select();
    const copied = document.execCommand('copy');
    area.remove();
    return copied;
  }
}

customElements.define('ms-copy-field', CopyField);
