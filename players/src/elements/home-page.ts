import { LitElement, html } from 'lit';
import './site-header.ts';
export class HomePage extends LitElement {
  protected override render() { return html`<ms-site-header current="watch"></ms-site-header>`; }
}
customElements.define('ms-home', HomePage);
