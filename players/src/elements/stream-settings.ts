import { LitElement, css, html, nothing } from 'lit';
import { Api, ApiError, type Stream, type StreamChanges } from '../api.ts';
import { LADDERS, ladderChoice, ladderWords } from '../ladders.ts';
import { changesOf, type Settings } from '../studio/settings.ts';
import { buttons, fields, reset, type } from '../styles/shared.ts';

/** A stream's settings. Tells of a change by `changed`. */
export class StreamSettings extends LitElement {
  static override properties = {
    api: { attribute: false },
    stream: { attribute: false },
    busy: { state: true },
    saved: { state: true },
    error: { state: true },
  };
  declare api: Api;
  declare stream: Stream;
  declare busy: boolean;
  declare saved: boolean;
  declare error: { field: string; text: string } | null;

  static override styles = [
    reset,
    type,
    buttons,
    fields,
    css`
      form {
        display: grid;
        gap: 1.125rem;
      }
      .check {
        display: grid;
        grid-template-columns: auto 1fr;
        gap: 0.125rem 0.625rem;
        align-items: center;
      }
      .check input {
        width: 1.125rem;
        height: 1.125rem;
        accent-color: var(--accent);
      }
      .check small {
        grid-column: 2;
        color: var(--muted);
        font-size: 0.8125rem;
        font-weight: 400;
      }
      .row {
        display: flex;
        align-items: center;
        gap: 0.875rem;
      }
      .saved {
        color: var(--good);
        font-size: 0.9375rem;
        font-weight: 560;
      }
    `,
  ];

  constructor() {
    super();
    this.busy = false;
    this.saved = false;
    this.error = null;
  }

  protected override render() {
    const { stream } = this;
    const chosen = ladderChoice(stream.ladder);
    return html`<form @submit=${this.#submit} @input=${() => (this.saved = false)} novalidate>
      <div class="field">
        <label for="title">Title</label>
        <input
          id="title"
          type="text"
          maxlength="200"
          autocomplete="off"
          value=${stream.title}
          aria-invalid=${this.error?.field === 'title'}
          aria-describedby="error"
        />
      </div>
      <div class="field">
        <label for="visibility">Who may watch</label>
        <div class="select"><select id="visibility">
          <option value="public" ?selected=${stream.visibility === 'public'}>Everyone</option>
          <option value="private" ?selected=${stream.visibility === 'private'}>Only with a link that you make</option>
        </select></div>
      </div>
      <div class="field">
        <label for="ladder">Qualities</label>
        <div class="select"><select id="ladder" aria-describedby="ladder-hint">
          ${chosen === null && stream.ladder
            ? html`<option value="" selected>${ladderWords(stream.ladder)}</option>`
            : nothing}
          ${Object.entries(LADDERS).map(
            ([key, { words }]) => html`<option value=${key} ?selected=${key === chosen}>${words}</option>`,
          )}
        </select></div>
        <p class="hint" id="ladder-hint">Counts from the next broadcast on.</p>
      </div>
      <label class="check">
        <input id="takeover" type="checkbox" ?checked=${stream.takeover ?? false} />
        <span>A second publisher takes over</span>
        <small>Otherwise whoever publishes first stays, and the second is refused.</small>
      </label>
      <p class="error" id="error" role="alert" ?hidden=${!this.error}>${this.error?.text ?? ''}</p>
      <div class="row">
        <button type="submit" ?disabled=${this.busy}>Save</button>
        <span class="saved" role="status">${this.saved ? 'Saved' : ''}</span>
      </div>
    </form>`;
  }

  #value<T extends HTMLElement>(id: string): T {
    return this.renderRoot.querySelector<T>(`#${id}`)!;
  }

  async #submit(event: Event): Promise<void> {
    event.preventDefault();
    const wanted: Settings = {
      title: this.#value<HTMLInputElement>('title').value.trim(),
      visibility: this.#value<HTMLSelectElement>('visibility').value as Settings['visibility'],
      ladder: LADDERS[this.#value<HTMLSelectElement>('ladder').value]?.value ?? null,
      takeover: this.#value<HTMLInputElement>('takeover').checked,
    };
    const changes: StreamChanges = changesOf(this.stream, wanted);
    this.error = null;
    this.busy = true;
    try {
      if (Object.keys(changes).length > 0) await this.api.putStream(this.stream.name, changes);
      this.saved = true;
      this.dispatchEvent(new Event('changed', { bubbles: true, composed: true }));
    } catch (error) {
      const field = error instanceof ApiError ? (error.field ?? '') : '';
      this.error = { field, text: error instanceof Error ? error.message : String(error) };
    } finally {
      this.busy = false;
    }
  }
}

customElements.define('ms-stream-settings', StreamSettings);
