import { LitElement, css, html } from 'lit';
import './broadcast-panel.ts';
import './live-list.ts';
import './site-header.ts';
import { reset } from '../styles/shared.ts';

/** `/`: what is live, and behind `#broadcast` the operator's desk. */
export class HomePage extends LitElement {
  static override properties = { view: { state: true } };
  declare view: 'watch' | 'broadcast';

  static override styles = [
    reset,
    css`
      main {
        max-width: 84rem;
        margin: 0 auto;
        padding: clamp(1.5rem, 4vw, 3rem) clamp(1rem, 3vw, 2rem) 5rem;
      }
    `,
  ];

  constructor() {
    super();
    this.view = viewOf(location.hash);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener('hashchange', this.#onHash);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener('hashchange', this.#onHash);
  }

  readonly #onHash = (): void => {
    this.view = viewOf(location.hash);
    document.title = `${this.view === 'watch' ? 'Live' : 'Broadcast'} · mediaserver`;
    scrollTo(0, 0);
  };

  protected override render() {
    return html`<ms-site-header .current=${this.view}></ms-site-header>
      <main>${this.view === 'watch' ? html`<ms-live-list></ms-live-list>` : html`<ms-broadcast-panel></ms-broadcast-panel>`}</main>`;
  }
}

function viewOf(hash: string): 'watch' | 'broadcast' {
  return hash === '#broadcast' ? 'broadcast' : 'watch';
}

customElements.define('ms-home', HomePage);
