import { LitElement, css, html } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import './owned-stream.ts';
import './publish-details.ts';
import { Api, ApiError, type Stream } from '../api.ts';
import { byState } from '../format.ts';
import { Poller } from '../poll.ts';
import { buttons, reset, type } from '../styles/shared.ts';

const REFRESH_MS = 2_500;
/** All of the operator's streams, each a way into its studio. */
export class StudioList extends LitElement {
  static override properties = {
    token: { attribute: false },
    streams: { state: true },
    fresh: { state: true },
    trouble: { state: true },
  };
  declare token: string;
  declare streams: Stream[] | null;
  declare fresh: { stream: Stream; key: string } | null;
  declare trouble: string;

  static override styles = [
    reset,
    type,
    buttons,
    css`
      .heading {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        justify-content: space-between;
        gap: 0.5rem 1.5rem;
        margin-bottom: 1.25rem;
      }
      ul {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(min(100%, 27rem), 1fr));
        gap: 1rem;
      }
      li {
        border-radius: var(--radius-l);
        background: var(--surface);
        box-shadow:
          0 0 0 1px var(--line),
          var(--shadow);
      }
      ms-publish-details {
        margin-bottom: 1.25rem;
      }
    `,
  ];

  #api = new Api();
  readonly #poller = new Poller(() => this.#ask());

  constructor() {
    super();
    this.streams = null;
    this.fresh = null;
    this.trouble = '';
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#api = new Api(this.token);
    this.#poller.start();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#poller.stop();
  }

  async #ask(): Promise<number> {
    try {
      this.streams = (await this.#api.streams()).sort(byState);
      this.trouble = '';
    } catch (error) {
      if (error instanceof ApiError && (error.status === 401 || error.status === 403)) {
        this.dispatchEvent(new Event('signed-out', { bubbles: true, composed: true }));
      }
      this.trouble = error instanceof Error ? error.message : String(error);
      throw error;
    }
    return REFRESH_MS;
  }

  protected override render() {
    return html`<div class="heading">
        <h1>Studio</h1>
        <a class="button compact" href="/#broadcast">New stream</a>
      </div>
      <p role="status" class="muted">${this.trouble || (this.streams === null ? 'Asking the server…' : '')}</p>
      ${this.fresh
        ? html`<ms-publish-details
            .stream=${this.fresh.stream}
            .key=${this.fresh.key}
            @close=${() => (this.fresh = null)}
          ></ms-publish-details>`
        : ''}
      ${this.streams?.length === 0 ? html`<p class="muted">There are no streams yet.</p>` : ''}
      <ul @key=${this.#onKey} @changed=${() => this.#poller.now()}>
        ${repeat(
          this.streams ?? [],
          (stream) => stream.name,
          (stream) => html`<li><ms-owned-stream .api=${this.#api} .stream=${stream}></ms-owned-stream></li>`,
        )}
      </ul>`;
  }

  #onKey(event: CustomEvent<{ stream: Stream; key: string }>): void {
    this.fresh = event.detail;
  }
}

customElements.define('ms-studio-list', StudioList);
