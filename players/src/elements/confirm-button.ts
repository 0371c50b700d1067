import { LitElement, html } from 'lit';
import { buttons, reset } from '../styles/shared.ts';

/** A button for what cannot be taken back: the first press asks, the second does. */
export class ConfirmButton extends LitElement {
  static override properties = { label: {}, question: {}, disabled: { type: Boolean }, outlined: { type: Boolean }, sure: { state: true } };
  declare label: string;
  declare question: string;
  declare disabled: boolean;
  /** Looks like a button before the pointer is on it. */
  declare outlined: boolean;
  declare sure: boolean;

  static override styles = [reset, buttons];

  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    super();
    this.label = '';
    this.question = 'Sure?';
    this.disabled = false;
    this.outlined = false;
    this.sure = false;
  }

  protected override render() {
    return html`<button
        type="button"
        class="compact ${this.sure ? 'danger sure' : this.outlined ? '' : 'quiet'}"
        ?disabled=${this.disabled}
        @click=${this.#press}
        @blur=${() => (this.sure = false)}
      >
        ${this.sure ? this.question : this.label}
      </button>
      <span class="visually-hidden" role="status">${this.sure ? 'Press again to confirm' : ''}</span>`;
  }

  #press(event: Event): void {
    event.stopPropagation();
    clearTimeout(this.#timer);
    if (this.sure) {
      this.sure = false;
      this.dispatchEvent(new Event('confirmed'));
      return;
    }
    this.sure = true;
    this.#timer = setTimeout(() => (this.sure = false), 5000);
  }
}

customElements.define('ms-confirm-button', ConfirmButton);
