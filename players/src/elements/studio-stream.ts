import { LitElement, html, nothing } from 'lit';
import './confirm-button.ts';
import './copy-field.ts';
import './graph.ts';
import './player.ts';
import './publish-details.ts';
import './renditions-table.ts';
import './stream-settings.ts';
import './watch-button.ts';
import { watchLink } from '../address.ts';
import { Api, ApiError, type Publisher, type Stream } from '../api.ts';
import { STATE_WORDS, bitrateText, bytesText, elapsedText, viewersText } from '../format.ts';
import { lockIcon } from '../icons.ts';
import { Poller } from '../poll.ts';
import { newViewerSession } from '../session.ts';
import { GRAPHS } from '../studio/graphs.ts';
import { History, type Columns } from '../studio/history.ts';
import { readMeasured, type Measured } from '../studio/measured.ts';
import { nobodyWords } from '../studio/nobody.ts';
import { studioStyles } from './studio-styles.ts';

const STREAM_MS = 2_500;
const MEASURE_MS = 1_000;
const SPAN_S = 300;
const VISIT_S = 12 * 3600;
const WEEK_S = 7 * 24 * 3600;

/** One stream, as its operator sees it: what arrives, what leaves, who watches, and what can be done. */
export class StudioStream extends LitElement {
  static override properties = {
    token: { attribute: false },
    name: { attribute: false },
    stream: { state: true },
    measured: { state: true },
    columns: { state: true },
    viewToken: { state: true },
    fresh: { state: true },
    link: { state: true },
    busy: { state: true },
    trouble: { state: true },
    error: { state: true },
  };
  declare token: string;
  declare name: string;
  declare stream: Stream | null;
  declare measured: Measured | null;
  declare columns: Record<string, Columns>;
  /** Lets the small player in where the stream is private. */
  declare viewToken: string | null;
  /** A key that was just made. */
  declare fresh: string;
  /** A private link that was just made. */
  declare link: string;
  declare busy: boolean;
  /** Why what is shown may be old. */
  declare trouble: string;
  /** Why the last thing that was asked for did not happen. */
  declare error: string;

  static override styles = studioStyles;

  #api = new Api();
  /** Of the small player, which is nobody's audience. */
  readonly #session = newViewerSession();
  readonly #histories = new Map(GRAPHS.map(({ id }) => [id, new History(SPAN_S)]));
  readonly #streamPoller = new Poller(() => this.#askStream());
  readonly #measurePoller = new Poller(() => this.#askMeasured());

  constructor() {
    super();
    this.stream = null;
    this.measured = null;
    this.columns = {};
    this.viewToken = null;
    this.fresh = '';
    this.link = '';
    this.busy = false;
    this.trouble = '';
    this.error = '';
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#api = new Api(this.token);
    this.#streamPoller.start();
    this.#measurePoller.start();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#streamPoller.stop();
    this.#measurePoller.stop();
  }

  async #askStream(): Promise<number> {
    try {
      const stream = await this.#api.stream(this.name);
      if (stream.visibility === 'private' && this.viewToken === null) {
        this.viewToken = (await this.#api.viewToken(this.name, VISIT_S)).token;
      }
      this.stream = stream;
      this.trouble = '';
      document.title = `${stream.title || stream.name} · Studio`;
    } catch (error) {
      if (error instanceof ApiError && (error.status === 401 || error.status === 403)) {
        this.dispatchEvent(new Event('signed-out', { bubbles: true, composed: true }));
      }
      if (error instanceof ApiError && error.status === 404) this.stream = null;
      this.trouble = error instanceof Error ? error.message : String(error);
      throw error;
    }
    return STREAM_MS;
  }

  async #askMeasured(): Promise<number> {
    let measured: Measured;
    try {
      measured = readMeasured(await this.#api.statistics(this.name, this.#session));
    } catch (error) {
      // No stream, or nothing measured of it: the other question tells.
      if (error instanceof ApiError && error.status === 404) return STREAM_MS;
      throw error;
    }
    this.measured = measured;
    const now_s = Date.now() / 1000;
    for (const { id, lines } of GRAPHS) this.#histories.get(id)?.add(now_s, lines(measured));
    this.columns = Object.fromEntries([...this.#histories].map(([id, history]) => [id, history.columns()]));
    return MEASURE_MS;
  }

  protected override render() {
    const { stream } = this;
    if (!stream) {
      return html`<p class="asking" role="status">${this.trouble || 'Asking the server…'}</p>
        <p><a href="/studio">All streams</a></p>`;
    }
    return html`${this.#head(stream)}
      ${this.trouble ? html`<p class="notice" role="status">${this.trouble}</p>` : nothing}
      <p class="error" role="alert" ?hidden=${!this.error}>${this.error}</p>
      ${this.fresh
        ? html`<ms-publish-details
            .stream=${stream}
            .key=${this.fresh}
            @close=${() => (this.fresh = '')}
          ></ms-publish-details>`
        : nothing}
      <div class="desk">
        <div class="side">
          <div class="card stage">
            <ms-player .stream=${stream.name} .token=${this.viewToken} .session=${this.#session} muted></ms-player>
          </div>
          ${this.#publisher(stream)}
        </div>
        <section class="main" aria-label="Measurements">
          <div class="graphs">
            ${GRAPHS.map(
              (kind) =>
                html`<ms-graph
                  class="card"
                  .kind=${kind}
                  .columns=${this.columns[kind.id] ?? EMPTY}
                ></ms-graph>`,
            )}
          </div>
          <section class="card" aria-labelledby="renditions">
            <h2 id="renditions">Renditions</h2>
            <ms-renditions-table
              .renditions=${stream.renditions}
              .measured=${this.measured?.renditions ?? []}
            ></ms-renditions-table>
          </section>
        </section>
        ${this.#controls(stream)}
      </div>`;
  }

  #head(stream: Stream) {
    return html`<nav class="crumbs" aria-label="Where you are"><a href="/studio">Studio</a></nav>
      <div class="head">
        <h1>${stream.title || stream.name}</h1>
        <span class="pill ${stream.state}">${STATE_WORDS[stream.state]}</span>
        <span class="facts">
          ${stream.visibility === 'private' ? html`<span>${lockIcon(14)} Private</span>` : nothing}
          ${stream.state === 'live'
            ? html`<span>${viewersText(stream.viewers)}</span>
                ${stream.started_at ? html`<span>for ${elapsedText(stream.started_at, Date.now())}</span>` : nothing}`
            : nothing}
        </span>
        <span class="space"></span>
        <ms-watch-button .api=${this.#api} .stream=${stream}></ms-watch-button>
        ${stream.publisher
          ? html`<ms-confirm-button
              outlined
              label="Throw out"
              question="Stop this broadcast?"
              ?disabled=${this.busy}
              @confirmed=${() => this.#do(() => this.#api.kick(stream.name))}
            ></ms-confirm-button>`
          : nothing}
      </div>`;
  }

  #publisher({ publisher, state }: Stream) {
    const { measured } = this;
    const rows: [string, string][] = publisher ? publisherRows(publisher, measured) : [];
    return html`<section class="card pad" aria-labelledby="publisher">
      <h2 id="publisher">Publisher</h2>
      ${publisher
        ? html`<dl>${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`
        : nobodyWords(state, measured).map((words) => html`<p class="muted">${words}</p>`)}
    </section>`;
  }

  #controls(stream: Stream) {
    return html`<div class="controls">
      <section class="card pad" aria-labelledby="let-in">
        <h2 id="let-in">Let people in</h2>
        ${stream.visibility === 'public'
          ? html`<ms-copy-field label="Watch link" .value=${location.origin + watchLink(stream.name, null)}></ms-copy-field>`
          : html`<p class="muted small">Only who has a link with a token gets in.</p>
              ${this.link
                ? html`<ms-copy-field label="Private link, good for a week" .value=${this.link}></ms-copy-field>`
                : nothing}
              <button type="button" ?disabled=${this.busy} @click=${this.#invite}>New private link</button>`}
      </section>
      <section class="card pad" aria-labelledby="key">
        <h2 id="key">Stream key</h2>
        <p class="muted small">The server keeps only its hash. A new one is shown once, and the old one stops working.</p>
        <ms-confirm-button
          outlined
          label="New key"
          question="Replace the old key?"
          ?disabled=${this.busy}
          @confirmed=${this.#newKey}
        ></ms-confirm-button>
      </section>
      <section class="card pad" aria-labelledby="settings">
        <h2 id="settings">Settings</h2>
        <ms-stream-settings
          .api=${this.#api}
          .stream=${stream}
          @changed=${() => this.#streamPoller.now()}
        ></ms-stream-settings>
      </section>
      <section class="card pad" aria-labelledby="end">
        <h2 id="end">Delete</h2>
        <p class="muted small">The stream, its key and its links are gone for good.</p>
        <ms-confirm-button
          outlined
          label="Delete this stream"
          question="Delete it for good?"
          ?disabled=${this.busy}
          @confirmed=${this.#delete}
        ></ms-confirm-button>
      </section>
    </div>`;
  }

  async #newKey(): Promise<void> {
    await this.#do(async () => {
      this.fresh = await this.#api.newKey(this.name);
      scrollTo({ top: 0, behavior: 'smooth' });
    });
  }

  async #invite(): Promise<void> {
    await this.#do(async () => {
      const { token } = await this.#api.viewToken(this.name, WEEK_S);
      this.link = location.origin + watchLink(this.name, token);
    });
  }

  async #delete(): Promise<void> {
    await this.#do(async () => {
      await this.#api.deleteStream(this.name);
      location.assign('/studio');
    });
  }

  async #do(work: () => Promise<void>): Promise<void> {
    this.busy = true;
    this.error = '';
    try {
      await work();
      this.#streamPoller.now();
    } catch (error) {
      this.error = error instanceof Error ? error.message : String(error);
    } finally {
      this.busy = false;
    }
  }
}

const EMPTY: Columns = { times_s: [], names: [], values: [] };

function publisherRows(publisher: Publisher, measured: Measured | null): [string, string][] {
  const fps = measured?.fps ?? publisher.fps;
  const picture = publisher.height ? `${publisher.width} × ${publisher.height}` : '';
  const interval_s = measured?.keyframe_interval_s;
  const corrections = measured?.timestamp_corrections;
  const rows: [string, string | null | undefined][] = [
    ['From', `${publisher.protocol.toUpperCase()}, ${publisher.address}`],
    ['Picture', picture && `${picture}${fps ? ` at ${Math.round(fps)} per second` : ''}`],
    ['Codecs', Array.isArray(publisher.codecs) ? publisher.codecs.join(', ') : publisher.codecs],
    ['Bitrate', bitrateText(measured?.input_bps ?? publisher.bitrate_bps)],
    ['Key pictures', interval_s ? `every ${interval_s.toFixed(1)} s` : ''],
    ['Clock mended', corrections ? `${corrections} times` : ''],
    ['Pictures dropped', measured?.dropped_units ? String(measured.dropped_units) : ''],
    ['Sent to viewers', measured?.bytes_out ? bytesText(measured.bytes_out) : ''],
    ['Encoder process', measured?.worker && `${measured.worker.state}${restartWords(measured.worker.restarts)}`],
  ];
  return rows.filter((row): row is [string, string] => Boolean(row[1]));
}

function restartWords(restarts: number): string {
  return restarts === 0 ? '' : `, restarted ${restarts === 1 ? 'once' : `${restarts} times`}`;
}

customElements.define('ms-studio-stream', StudioStream);
