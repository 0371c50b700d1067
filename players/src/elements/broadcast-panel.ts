import { LitElement, css, html, nothing } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import './owned-stream.ts';
import './publish-details.ts';
import './sign-in.ts';
import './stream-form.ts';
import { Api, ApiError, type Stream } from '../api.ts';
import { byState } from '../format.ts';
import { Poller } from '../poll.ts';
import { operatorToken } from '../session.ts';
import { buttons, reset, type } from '../styles/shared.ts';

const REFRESH_MS = 2_500;

/** The operator's desk: make a stream, see its key once, watch over those that are there. */
export class BroadcastPanel extends LitElement {
  static override properties = {
    token: { state: true },
    streams: { state: true },
    fresh: { state: true },
    trouble: { state: true },
  };
  declare token: string | null;
  declare streams: Stream[] | null;
  /** The stream whose key was just made. */
  declare fresh: { name: string; stream: Stream; key: string } | null;
  declare trouble: string;

  static override styles = [
    reset,
    type,
    buttons,
    css`
      :host {
        display: block;
      }
      .heading {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        justify-content: space-between;
        gap: 0.5rem 1.5rem;
        margin-bottom: 1.5rem;
      }
      .desk {
        display: grid;
        grid-template-columns: minmax(0, 25rem) minmax(0, 1fr);
        align-items: start;
        gap: 1.5rem;
      }
      .wide {
        margin-bottom: 1.5rem;
      }
      .card {
        border-radius: var(--radius-l);
        background: var(--surface);
        box-shadow:
          0 0 0 1px var(--line),
          var(--shadow);
        overflow: hidden;
      }
      .card > h2 {
        padding: 1.25rem clamp(1rem, 2.5vw, 1.375rem) 0;
      }
      .pad {
        padding: 1.25rem clamp(1rem, 2.5vw, 1.375rem) 1.375rem;
      }
      ms-owned-stream + ms-owned-stream {
        border-top: 1px solid var(--line);
      }
      .none {
        padding: 1rem clamp(1rem, 2.5vw, 1.375rem) 1.5rem;
        color: var(--muted);
      }
      .notice {
        margin-bottom: 1.25rem;
        padding: 0.75rem 1rem;
        border-radius: 10px;
        background: var(--warn-soft);
        color: var(--warn);
        font-weight: 540;
      }
      @media (max-width: 58rem) {
        .desk {
          grid-template-columns: minmax(0, 1fr);
        }
      }
    `,
  ];

  #api = new Api(operatorToken.get());
  readonly #poller = new Poller(() => this.#ask());

  constructor() {
    super();
    this.token = operatorToken.get();
    this.streams = null;
    this.fresh = null;
    this.trouble = '';
  }


  override connectedCallback(): void {
    super.connectedCallback();
    if (this.token !== null) this.#poller.start();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#poller.stop();
  }

  async #ask(): Promise<number> {
    try {
      this.streams = (await this.#api.streams()).sort(byState);
      this.trouble = '';
      const fresh = this.streams.find((stream) => stream.name === this.fresh?.name);
      if (this.fresh && fresh) this.fresh = { ...this.fresh, stream: fresh };
    } catch (error) {
      if (error instanceof ApiError && (error.status === 401 || error.status === 403)) {
        this.#signOut();
        return REFRESH_MS;
      }
      this.trouble = error instanceof Error ? error.message : String(error);
      throw error;
    }
    return REFRESH_MS;
  }

  protected override render() {
    if (this.token === null) return html`<ms-sign-in @signed-in=${this.#signedIn}></ms-sign-in>`;
    return html`<div class="heading">
        <h1>Broadcast</h1>
        <div>
          <a class="button quiet compact" href="/studio">Studio</a>
          <button class="quiet compact" type="button" @click=${this.#signOut}>Forget the token</button>
        </div>
      </div>
      ${this.trouble ? html`<p class="notice" role="status">${this.trouble}</p>` : nothing}
      ${this.fresh
        ? html`<ms-publish-details
            class="wide"
            .stream=${this.fresh.stream}
            .key=${this.fresh.key}
            @close=${() => (this.fresh = null)}
          ></ms-publish-details>`
        : nothing}
      <div class="desk">
        <section class="card" aria-labelledby="new">
          <h2 id="new">New stream</h2>
          <div class="pad">
            <ms-stream-form
              .api=${this.#api}
              .taken=${new Set((this.streams ?? []).map((stream) => stream.name))}
              @created=${(event: CustomEvent<Stream>) => this.#created(event.detail)}
            ></ms-stream-form>
          </div>
        </section>
        <section class="card" aria-labelledby="yours" @key=${this.#onKey} @changed=${() => this.#poller.now()}>
          <h2 id="yours">Your streams</h2>
          ${this.#list()}
        </section>
      </div>`;
  }

  #list() {
    if (this.streams === null) return html`<p class="none">Asking the server…</p>`;
    if (this.streams.length === 0) return html`<p class="none">None yet. The first one takes ten seconds.</p>`;
    // Keyed: a row holds a half-pressed "Delete", which must never become another stream's.
    return repeat(
      this.streams,
      (stream) => stream.name,
      (stream) => html`<ms-owned-stream .api=${this.#api} .stream=${stream}></ms-owned-stream>`,
    );
  }

  #created(stream: Stream): void {
    if (stream.publish_key) this.#show(stream, stream.publish_key);
    this.#poller.now();
  }

  #onKey(event: CustomEvent<{ stream: Stream; key: string }>): void {
    this.#show(event.detail.stream, event.detail.key);
  }

  #show(stream: Stream, key: string): void {
    this.fresh = { name: stream.name, stream, key };
    void this.updateComplete.then(() => scrollTo({ top: 0, behavior: 'smooth' }));
  }

  #signedIn(): void {
    this.token = operatorToken.get();
    this.#api = new Api(this.token);
    this.#poller.start();
  }

  #signOut(): void {
    operatorToken.set(null);
    this.#poller.stop();
    this.token = null;
    this.streams = null;
    this.fresh = null;
  }
}

customElements.define('ms-broadcast-panel', BroadcastPanel);
