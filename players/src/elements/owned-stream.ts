import { LitElement, css, html, nothing } from 'lit';
import './confirm-button.ts';
import './copy-field.ts';
import './watch-button.ts';
import { watchLink } from '../address.ts';
import { Api, type Stream } from '../api.ts';
import { STATE_WORDS, bitrateText, elapsedText, viewersText } from '../format.ts';
import { lockIcon } from '../icons.ts';
import { buttons, fields, pills, reset, type } from '../styles/shared.ts';

const WEEK_S = 7 * 24 * 3600;

/** One of the operator's streams: who sends what, and what can be done about it. */
export class OwnedStream extends LitElement {
  static override properties = {
    api: { attribute: false },
    stream: { attribute: false },
    busy: { state: true },
    error: { state: true },
    link: { state: true },
  };
  declare api: Api;
  declare stream: Stream;
  declare busy: boolean;
  declare error: string;
  /** A private link that was just made. */
  declare link: string;

  static override styles = [
    reset,
    type,
    buttons,
    fields,
    pills,
    css`
      :host {
        display: grid;
        gap: 0.75rem;
        padding: 1.125rem clamp(1rem, 2.5vw, 1.375rem);
      }
      .top {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0.375rem 0.75rem;
      }
      h3 {
        min-width: 0;
        overflow-wrap: anywhere;
      }
      h3 a {
        color: inherit;
        text-decoration: none;
      }
      h3 a:hover {
        text-decoration: underline;
      }
      .facts {
        display: flex;
        flex-wrap: wrap;
        gap: 0.125rem 1rem;
        color: var(--muted);
        font-size: 0.875rem;
        font-variant-numeric: tabular-nums;
        overflow-wrap: anywhere;
      }
      .facts span {
        display: inline-flex;
        align-items: center;
        gap: 0.25rem;
      }
      .actions {
        display: flex;
        flex-wrap: wrap;
        gap: 0.25rem;
        margin-left: -0.75rem;
      }
    `,
  ];

  constructor() {
    super();
    this.busy = false;
    this.error = '';
    this.link = '';
  }

  protected override render() {
    const { stream } = this;
    const { publisher } = stream;
    return html`<div class="top">
        <h3><a href="/studio/${stream.name}">${stream.title || stream.name}</a></h3>
        <span class="pill ${stream.state}">${STATE_WORDS[stream.state]}</span>
      </div>
      <div class="facts">
        <span>/watch/${stream.name}</span>
        ${stream.visibility === 'private' ? html`<span>${lockIcon(14)} Private</span>` : nothing}
        ${publisher
          ? html`<span>${publisher.protocol.toUpperCase()} from ${publisher.address}</span>
              ${publisher.height
                ? html`<span>${publisher.width} × ${publisher.height}${publisher.fps ? ` at ${Math.round(publisher.fps)} fps` : ''}</span>`
                : nothing}
              ${publisher.bitrate_bps ? html`<span>${bitrateText(publisher.bitrate_bps)}</span>` : nothing}`
          : nothing}
        ${stream.state === 'live'
          ? html`<span>${viewersText(stream.viewers)}</span>
              ${stream.started_at ? html`<span>for ${elapsedText(stream.started_at, Date.now())}</span>` : nothing}`
          : nothing}
      </div>
      ${this.link ? html`<ms-copy-field label="Private link, good for a week" .value=${this.link}></ms-copy-field>` : nothing}
      <p class="error" role="alert" ?hidden=${!this.error}>${this.error}</p>
      <div class="actions">
        <a class="button quiet compact" href="/studio/${stream.name}">Studio</a>
        <ms-watch-button quiet .api=${this.api} .stream=${stream}></ms-watch-button>
        ${stream.visibility === 'private'
          ? html`<button class="quiet compact" type="button" ?disabled=${this.busy} @click=${this.#invite}>Private link</button>`
          : nothing}
        <ms-confirm-button
          label="New key"
          question="Replace the old key?"
          ?disabled=${this.busy}
          @confirmed=${this.#newKey}
        ></ms-confirm-button>
        ${publisher
          ? html`<ms-confirm-button
              label="Throw out"
              question="Stop this broadcast?"
              ?disabled=${this.busy}
              @confirmed=${() => this.#do(() => this.api.kick(stream.name))}
            ></ms-confirm-button>`
          : nothing}
        <ms-confirm-button
          label="Delete"
          question="Delete it for good?"
          ?disabled=${this.busy}
          @confirmed=${() => this.#do(() => this.api.deleteStream(stream.name))}
        ></ms-confirm-button>
      </div>`;
  }

  async #newKey(): Promise<void> {
    await this.#do(async () => {
      const key = await this.api.newKey(this.stream.name);
      this.dispatchEvent(new CustomEvent('key', { detail: { stream: this.stream, key }, bubbles: true, composed: true }));
    });
  }

  async #invite(): Promise<void> {
    await this.#do(async () => {
      const { token } = await this.api.viewToken(this.stream.name, WEEK_S);
      this.link = location.origin + watchLink(this.stream.name, token);
    });
  }

  async #do(work: () => Promise<void>): Promise<void> {
    this.busy = true;
    this.error = '';
    try {
      await work();
      this.dispatchEvent(new Event('changed', { bubbles: true, composed: true }));
    } catch (error) {
      this.error = error instanceof Error ? error.message : String(error);
    } finally {
      this.busy = false;
    }
  }
}

customElements.define('ms-owned-stream', OwnedStream);
