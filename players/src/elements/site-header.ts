import { LitElement, css, html, nothing } from 'lit';
import { logo } from '../icons.ts';
import { reset } from '../styles/shared.ts';

/** The bar on top of every page. `current` is `watch` or `broadcast`; on a stream's page neither. */
export class SiteHeader extends LitElement {
  static override properties = { current: {} };
  declare current: string;

  static override styles = [
    reset,
    css`
      :host {
        display: block;
        border-bottom: 1px solid var(--line);
        background: var(--surface);
      }
      .inner {
        display: flex;
        align-items: center;
        justify-content: space-between;
        gap: 1rem;
        max-width: 84rem;
        min-height: 3.75rem;
        margin: 0 auto;
        padding: 0 clamp(1rem, 3vw, 2rem);
      }
      .home {
        display: inline-flex;
        align-items: center;
        gap: 0.625rem;
        border-radius: 8px;
        color: var(--text);
        font-weight: 680;
        font-size: 1.0625rem;
        letter-spacing: -0.02em;
        text-decoration: none;
      }
      nav {
        display: flex;
        gap: 0.25rem;
        padding: 0.25rem;
        border-radius: 12px;
        background: var(--surface-sunken);
      }
      nav a {
        display: inline-flex;
        align-items: center;
        min-height: 2.125rem;
        padding: 0 0.875rem;
        border-radius: 9px;
        color: var(--muted);
        font-weight: 580;
        font-size: 0.9375rem;
        text-decoration: none;
        transition: color 0.15s;
      }
      nav a:hover {
        color: var(--text);
      }
      nav a[aria-current] {
        background: var(--surface);
        color: var(--text);
        box-shadow: 0 1px 3px rgb(0 0 0 / 0.14);
      }
      @media (max-width: 26rem) {
        .inner {
          gap: 0.5rem;
        }
        .home {
          gap: 0.5rem;
          font-size: 1rem;
        }
        nav a {
          padding: 0 0.5625rem;
          font-size: 0.875rem;
        }
      }
    `,
  ];

  constructor() {
    super();
    this.current = '';
  }

  protected override render() {
    const link = (name: string, href: string, text: string) =>
      html`<a href=${href} aria-current=${this.current === name ? 'page' : nothing}>${text}</a>`;
    return html`<header class="inner">
      <a class="home" href="/">${logo(28)}<span>mediaserver</span></a>
      <nav aria-label="Main">
        ${link('watch', '/', 'Watch')}${link('broadcast', '/#broadcast', 'Broadcast')}
      </nav>
    </header>`;
  }
}

customElements.define('ms-site-header', SiteHeader);
