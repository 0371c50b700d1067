import { LitElement, css, html } from 'lit';
import './sign-in.ts';
import './site-header.ts';
import './studio-list.ts';
import './studio-stream.ts';
import { parseStudioAddress } from '../address.ts';
import { operatorToken } from '../session.ts';
import { reset } from '../styles/shared.ts';

/** `/studio`: the operator's streams. `/studio/{stream}`: one of them, with everything that is measured of it. */
export class StudioPage extends LitElement {
  static override properties = { token: { state: true } };
  declare token: string | null;

  static override styles = [
    reset,
    css`
      main {
        max-width: 96rem;
        margin: 0 auto;
        padding: clamp(1rem, 2.5vw, 2rem) clamp(1rem, 3vw, 2rem) 4rem;
      }
    `,
  ];

  readonly #stream = parseStudioAddress(new URL(location.href));

  constructor() {
    super();
    this.token = operatorToken.get();
    document.title = `${this.#stream ?? 'Studio'} · mediaserver`;
  }

  protected override render() {
    return html`<ms-site-header current="broadcast"></ms-site-header>
      <main @signed-out=${this.#signedOut}>${this.#content()}</main>`;
  }

  #content() {
    if (this.token === null) {
      return html`<ms-sign-in @signed-in=${() => (this.token = operatorToken.get())}></ms-sign-in>`;
    }
    if (this.#stream === null) return html`<ms-studio-list .token=${this.token}></ms-studio-list>`;
    return html`<ms-studio-stream .token=${this.token} .name=${this.#stream}></ms-studio-stream>`;
  }

  #signedOut(): void {
    operatorToken.set(null);
    this.token = null;
  }
}

customElements.define('ms-studio', StudioPage);
