import { LitElement, css, html, nothing } from 'lit';
import { Api, ApiError, type Stream, type Visibility } from '../api.ts';
import { nameFromTitle } from '../format.ts';
import { globeIcon, lockIcon } from '../icons.ts';
import { LADDERS } from '../ladders.ts';
import { buttons, fields, reset, type } from '../styles/shared.ts';

/** Which of our fields an error of the API belongs to. */
const FIELDS: Record<string, string> = { stream: 'name', name: 'name', title: 'title', visibility: 'visibility', ladder: 'ladder' };

/** Makes a stream. Tells of it by `created` with the server's answer, which holds the key. */
export class StreamForm extends LitElement {
  static override properties = {
    api: { attribute: false },
    taken: { attribute: false },
    titleText: { state: true },
    nameText: { state: true },
    visibility: { state: true },
    busy: { state: true },
    errors: { state: true },
  };
  declare api: Api;
  /** Names that are in use: making one of them again would change it. */
  declare taken: Set<string>;
  declare titleText: string;
  /** null while it follows the title. */
  declare nameText: string | null;
  declare visibility: Visibility;
  declare busy: boolean;
  declare errors: Record<string, string>;

  static override styles = [
    reset,
    type,
    buttons,
    fields,
    css`
      form {
        display: grid;
        gap: 1.25rem;
      }
      .choices {
        display: grid;
        grid-template-columns: 1fr 1fr;
        gap: 0.625rem;
        margin-top: 0.375rem;
      }
      .choice {
        position: relative;
        display: grid;
        gap: 0.125rem;
        padding: 0.75rem 0.875rem;
        border-radius: 10px;
        box-shadow: inset 0 0 0 1px var(--line-strong);
        cursor: pointer;
      }
      .choice input {
        position: absolute;
        opacity: 0;
      }
      .choice:has(:checked) {
        background: var(--accent-soft);
        box-shadow: inset 0 0 0 2px var(--accent);
      }
      .choice:has(:focus-visible) {
        outline: 3px solid var(--accent);
        outline-offset: 2px;
      }
      .choice b {
        display: flex;
        align-items: center;
        gap: 0.375rem;
        font-weight: 600;
      }
      .choice small {
        color: var(--muted);
        font-size: 0.8125rem;
        font-weight: 400;
        line-height: 1.35;
      }
      .name {
        display: flex;
        align-items: center;
        border: 1px solid var(--line-strong);
        border-radius: 10px;
        background: var(--surface);
        overflow: hidden;
      }
      .name:focus-within {
        outline: 3px solid var(--accent);
        outline-offset: 2px;
      }
      .name span {
        padding-left: 0.875rem;
        color: var(--muted);
        white-space: nowrap;
      }
      .name:has([aria-invalid='true']) {
        border-color: var(--bad);
        box-shadow: 0 0 0 1px var(--bad);
      }
      .name input,
      .name input[aria-invalid='true'] {
        padding-left: 0.0625rem;
        border: 0;
        outline: 0;
        box-shadow: none;
      }
    `,
  ];

  constructor() {
    super();
    this.taken = new Set();
    this.titleText = '';
    this.nameText = null;
    this.visibility = 'public';
    this.busy = false;
    this.errors = {};
  }

  get #name(): string {
    return this.nameText ?? nameFromTitle(this.titleText);
  }

  protected override render() {
    return html`<form @submit=${this.#submit} novalidate>
      <div class="field">
        <label for="title">Title</label>
        <input
          id="title"
          type="text"
          maxlength="200"
          placeholder="Sunday concert"
          autocomplete="off"
          .value=${this.titleText}
          aria-invalid=${'title' in this.errors}
          aria-describedby="title-error"
          @input=${(event: Event) => (this.titleText = (event.target as HTMLInputElement).value)}
        />
        ${this.#error('title')}
      </div>
      <div class="field">
        <label for="name">Address</label>
        <div class="name">
          <span aria-hidden="true">/watch/</span>
          <input
            id="name"
            type="text"
            maxlength="64"
            placeholder="sunday-concert"
            autocomplete="off"
            autocapitalize="off"
            spellcheck="false"
            .value=${this.#name}
            aria-invalid=${'name' in this.errors}
            aria-describedby="name-error"
            @input=${(event: Event) => (this.nameText = (event.target as HTMLInputElement).value)}
          />
        </div>
        ${this.#error('name')}
      </div>
      <fieldset>
        <legend>Who may watch</legend>
        <div class="choices">
          ${this.#choice('public', globeIcon(), 'Everyone', 'Listed on the start page')}
          ${this.#choice('private', lockIcon(), 'Invited', 'Only with a link that you make')}
        </div>
        ${this.#error('visibility')}
      </fieldset>
      <div class="field">
        <label for="ladder">Qualities</label>
        <div class="select">
          <select id="ladder" aria-describedby="ladder-error">
            ${Object.entries(LADDERS).map(([key, ladder]) => html`<option value=${key}>${ladder.words}</option>`)}
          </select>
        </div>
        ${this.#error('ladder')}
      </div>
      ${this.#error('form')}
      <button class="primary" type="submit" ?disabled=${this.busy}>${this.busy ? 'Making it…' : 'Make the stream'}</button>
    </form>`;
  }

  #choice(value: Visibility, icon: unknown, words: string, hint: string) {
    return html`<label class="choice">
      <input
        type="radio"
        name="visibility"
        value=${value}
        .checked=${this.visibility === value}
        @change=${() => (this.visibility = value)}
      />
      <b>${icon} ${words}</b>
      <small>${hint}</small>
    </label>`;
  }

  #error(field: string) {
    const text = this.errors[field];
    return html`<p class="error" id="${field}-error" role="alert" ?hidden=${!text}>${text ?? nothing}</p>`;
  }

  async #submit(event: Event): Promise<void> {
    event.preventDefault();
    const name = this.#name;
    this.errors = this.#check(name);
    if (Object.keys(this.errors).length > 0) return this.#focusError();
    const ladder = LADDERS[this.renderRoot.querySelector('select')!.value]?.value ?? 'auto';
    this.busy = true;
    try {
      const title = this.titleText.trim();
      const stream = await this.api.putStream(name, { title: title || name, visibility: this.visibility, ladder });
      this.titleText = '';
      this.nameText = null;
      this.dispatchEvent(new CustomEvent<Stream>('created', { detail: stream }));
    } catch (error) {
      const field = error instanceof ApiError && error.field ? (FIELDS[error.field] ?? 'form') : 'form';
      this.errors = { [field]: error instanceof Error ? error.message : String(error) };
      this.#focusError();
    } finally {
      this.busy = false;
    }
  }

  #check(name: string): Record<string, string> {
    if (name === '') return { name: 'Give it a title or an address.' };
    if (!/^[A-Za-z0-9_-]{1,64}$/.test(name)) return { name: 'Letters, digits, “-” and “_” only, at most 64.' };
    if (this.taken.has(name)) return { name: 'There is a stream with this address already. Find it in the list.' };
    return {};
  }

  #focusError(): void {
    void this.updateComplete.then(() => this.renderRoot.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
  }
}

customElements.define('ms-stream-form', StreamForm);
