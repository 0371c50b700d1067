import { LitElement, html, nothing } from 'lit';
import { watchLink } from '../address.ts';
import type { Api, Stream } from '../api.ts';
import { buttons, reset } from '../styles/shared.ts';

/** For the operator's own look at a private stream: longer than a show, shorter than a week. */
const VISIT_S = 12 * 3600;

/** Leads to the stream's page. A private stream's operator gets a token on the way, and so is let in. */
export class WatchButton extends LitElement {
  static override properties = {
    api: { attribute: false },
    stream: { attribute: false },
    quiet: { type: Boolean },
    error: { state: true },
  };
  declare api: Api;
  declare stream: Stream;
  declare quiet: boolean;
  declare error: string;

  static override styles = [reset, buttons];

  constructor() {
    super();
    this.quiet = false;
    this.error = '';
  }

  protected override render() {
    const { name, visibility } = this.stream;
    return html`<a
      class="button compact ${this.quiet ? 'quiet' : ''}"
      href=${watchLink(name, null)}
      title=${this.error || nothing}
      @click=${visibility === 'private' ? this.#enter : nothing}
      >Watch</a
    >`;
  }

  async #enter(event: Event): Promise<void> {
    event.preventDefault();
    try {
      const { token } = await this.api.viewToken(this.stream.name, VISIT_S);
      location.assign(watchLink(this.stream.name, token));
    } catch (error) {
      this.error = error instanceof Error ? error.message : String(error);
    }
  }
}

customElements.define('ms-watch-button', WatchButton);
