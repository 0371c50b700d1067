import { LitElement, css, html, nothing } from 'lit';
import { Api, ApiError } from '../api.ts';
import { lockIcon } from '../icons.ts';
import { operatorToken } from '../session.ts';
import { buttons, fields, reset, type } from '../styles/shared.ts';

/** Asks for the operator's token, tries it, and keeps it for this tab. Tells by `signed-in`. */
export class SignIn extends LitElement {
  static override properties = { busy: { state: true }, error: { state: true } };
  declare busy: boolean;
  declare error: string;

  static override styles = [
    reset,
    type,
    buttons,
    fields,
    css`
      :host {
        display: block;
        max-width: 29rem;
        margin: clamp(0rem, 5vh, 4rem) auto 0;
      }
      form {
        display: grid;
        gap: 1.25rem;
        padding: clamp(1.25rem, 5vw, 2.25rem);
        border-radius: var(--radius-l);
        background: var(--surface);
        box-shadow:
          0 0 0 1px var(--line),
          var(--shadow);
      }
      .mark {
        display: grid;
        place-items: center;
        width: 2.75rem;
        height: 2.75rem;
        border-radius: 14px;
        background: var(--accent-soft);
        color: var(--accent);
      }
      h1 {
        font-size: 1.5rem;
      }
      .intro {
        display: grid;
        gap: 0.375rem;
      }
    `,
  ];

  constructor() {
    super();
    this.busy = false;
    this.error = '';
  }

  protected override render() {
    return html`<form @submit=${this.#submit} novalidate>
      <div class="mark">${lockIcon(22)}</div>
      <div class="intro">
        <h1>Start streaming</h1>
        <p class="muted">The operator's token opens this desk. It stays in this tab and is forgotten when you close it.</p>
      </div>
      <div class="field">
        <label for="token">Operator's token</label>
        <input
          id="token"
          name="token"
          type="password"
          autocomplete="current-password"
          spellcheck="false"
          autocapitalize="off"
          aria-invalid=${this.error !== ''}
          aria-describedby="hint error"
        />
        <p class="hint" id="hint">It is in the file <code>admin-token</code> in the server's data folder; the log of the server's first start names it.</p>
        <p class="error" id="error" role="alert">${this.error || nothing}</p>
      </div>
      <button class="primary" type="submit" ?disabled=${this.busy}>${this.busy ? 'Checking…' : 'Continue'}</button>
    </form>`;
  }

  async #submit(event: Event): Promise<void> {
    event.preventDefault();
    const field = this.renderRoot.querySelector('input')!;
    const token = field.value.trim();
    this.error = '';
    if (token === '') {
      this.error = 'Enter the token.';
      field.focus();
      return;
    }
    this.busy = true;
    try {
      await checkOperator(token);
      operatorToken.set(token);
      field.value = '';
      this.dispatchEvent(new Event('signed-in'));
    } catch (error) {
      this.error = error instanceof Error ? error.message : String(error);
      field.focus();
    } finally {
      this.busy = false;
    }
  }
}

/** Throws unless the server takes the token as the operator's. */
export async function checkOperator(token: string): Promise<void> {
  // Header values are Latin-1 at most; a token is plain ASCII.
  if (!/^[\x21-\x7e]+$/.test(token)) throw new Error('That is not a token: it has characters that no token has.');
  try {
    await new Api(token).probeOperator();
  } catch (error) {
    if (error instanceof ApiError && (error.status === 401 || error.status === 403)) {
      throw new Error('The server does not know this token.');
    }
    throw error;
  }
}

customElements.define('ms-sign-in', SignIn);
