import { LitElement, css, html, nothing } from 'lit';
import './copy-field.ts';
import { publishAddress } from '../address.ts';
import type { Stream } from '../api.ts';
import { closeIcon } from '../icons.ts';
import { buttons, pills, reset, type } from '../styles/shared.ts';

/** Where to publish a stream to, with its key: shown once, because the server keeps only its hash. */
export class PublishDetails extends LitElement {
  static override properties = { stream: { attribute: false }, key: { attribute: false } };
  declare stream: Stream | null;
  declare key: string;

  static override styles = [
    reset,
    type,
    buttons,
    pills,
    css`
      :host {
        display: block;
      }
      section {
        display: grid;
        gap: 1.25rem;
        padding: clamp(1.125rem, 3vw, 1.75rem);
        border-radius: var(--radius-l);
        background: var(--surface);
        box-shadow:
          0 0 0 2px var(--accent),
          var(--shadow);
      }
      header {
        display: flex;
        align-items: start;
        justify-content: space-between;
        gap: 1rem;
      }
      .columns {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr));
        gap: 1.5rem 2rem;
      }
      .columns > div {
        display: grid;
        align-content: start;
        gap: 0.875rem;
      }
      .once {
        padding: 0.75rem 1rem;
        border-radius: 10px;
        background: var(--warn-soft);
        color: var(--warn);
        font-size: 0.9375rem;
      }
    `,
  ];

  constructor() {
    super();
    this.stream = null;
    this.key = '';
  }

  protected override render() {
    const { stream } = this;
    if (!stream) return html``;
    const address = publishAddress(stream.urls.rtmp, stream.name, this.key, location.hostname);
    return html`<section aria-labelledby="heading">
      <header>
        <div>
          <h2 id="heading">${stream.title || stream.name} is ready for you</h2>
          <p class="muted small" role="status">${waitingWords(stream)}</p>
        </div>
        <button class="quiet compact" type="button" aria-label="Close" @click=${() => this.dispatchEvent(new Event('close'))}>
          ${closeIcon()}
        </button>
      </header>
      <p class="once"><strong>Copy the key now.</strong> It is shown this once; later you can only make a new one.</p>
      <div class="columns">
        <div>
          <h3>In OBS: Settings, Stream, Custom</h3>
          <ms-copy-field label="Server" .value=${address.server}></ms-copy-field>
          ${stream.urls.rtmps
            ? html`<ms-copy-field
                label="Server, encrypted"
                .value=${publishAddress(stream.urls.rtmps, stream.name, this.key, location.hostname).server}
              ></ms-copy-field>`
            : nothing}
          <ms-copy-field label="Stream key" secret .value=${address.streamKey}></ms-copy-field>
        </div>
        <div>
          <h3>Or with ffmpeg</h3>
          <ms-copy-field label="Command" secret .value=${address.ffmpeg}></ms-copy-field>
          ${stream.visibility === 'public'
            ? html`<ms-copy-field label="Watch link" .value=${`${location.origin}/watch/${stream.name}`}></ms-copy-field>`
            : html`<p class="muted small">To let people watch, press “Private link” at the stream in your list.</p>`}
        </div>
      </div>
    </section>`;
  }
}

function waitingWords(stream: Stream): string {
  if (stream.state === 'live') return 'Your picture has arrived: you are live.';
  if (stream.state === 'starting') return 'Your picture is arriving.';
  return 'Waiting for your picture.';
}

customElements.define('ms-publish-details', PublishDetails);
