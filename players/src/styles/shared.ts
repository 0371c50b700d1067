/** Styles that several elements share: text, buttons, fields, pills. */
import { css } from 'lit';

export const reset = css`
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  :host([hidden]),
  [hidden] {
    display: none !important;
  }
  h1,
  h2,
  h3,
  p,
  ul,
  ol,
  dl,
  dd,
  figure,
  fieldset {
    margin: 0;
    padding: 0;
    border: 0;
    min-width: 0;
  }
  ul,
  ol {
    list-style: none;
  }
  a {
    color: var(--accent);
    text-underline-offset: 0.18em;
    text-decoration-thickness: 0.08em;
  }
  svg {
    display: block;
    flex: none;
  }
  :focus-visible {
    outline: 3px solid var(--accent);
    outline-offset: 2px;
  }
  .visually-hidden {
    position: absolute;
    width: 1px;
    height: 1px;
    margin: -1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  @media (prefers-reduced-motion: reduce) {
    *,
    *::before,
    *::after {
      animation-duration: 0.01ms !important;
      animation-iteration-count: 1 !important;
      transition-duration: 0.01ms !important;
    }
  }
`;

export const type = css`
  h1 {
    font-size: clamp(1.5rem, 1.2rem + 1.4vw, 2rem);
    line-height: 1.2;
    letter-spacing: -0.022em;
    font-weight: 680;
    text-wrap: balance;
  }
  h2 {
    font-size: 1.1875rem;
    line-height: 1.3;
    letter-spacing: -0.012em;
    font-weight: 640;
  }
  h3 {
    font-size: 1rem;
    line-height: 1.35;
    font-weight: 620;
  }
  .muted {
    color: var(--muted);
  }
  .small {
    font-size: 0.875rem;
    line-height: 1.45;
  }
  .numbers {
    font-variant-numeric: tabular-nums;
  }
  code {
    font-family: var(--font-mono);
    font-size: 0.9em;
  }
`;

export const buttons = css`
  button,
  .button {
    appearance: none;
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 0.5rem;
    min-height: 2.5rem;
    padding: 0 1rem;
    border: 1px solid var(--line);
    border-radius: 10px;
    background: var(--surface);
    color: var(--text);
    font: 560 0.9375rem/1.2 var(--font);
    text-decoration: none;
    white-space: nowrap;
    cursor: pointer;
    transition:
      background-color 0.15s,
      border-color 0.15s,
      color 0.15s;
  }
  button:hover,
  .button:hover {
    border-color: var(--line-strong);
  }
  button.primary,
  .button.primary {
    border-color: transparent;
    background: var(--accent);
    color: var(--on-accent);
  }
  button.primary:hover,
  .button.primary:hover {
    background: var(--accent-strong);
  }
  button.quiet,
  .button.quiet {
    border-color: transparent;
    background: transparent;
    color: var(--muted);
  }
  button.quiet:hover,
  .button.quiet:hover {
    background: var(--surface-sunken);
    color: var(--text);
  }
  button.danger {
    color: var(--bad);
  }
  button.danger.sure {
    border-color: transparent;
    background: var(--bad);
    color: var(--surface);
  }
  button.compact,
  .button.compact {
    min-height: 2.125rem;
    padding: 0 0.75rem;
    font-size: 0.875rem;
  }
  button:disabled {
    opacity: 0.55;
    cursor: default;
  }
`;

export const fields = css`
  .field {
    display: grid;
    gap: 0.375rem;
  }
  label,
  legend {
    padding: 0;
    font-weight: 580;
    font-size: 0.9375rem;
  }
  input[type='text'],
  input[type='password'],
  select {
    appearance: none;
    width: 100%;
    min-height: 2.75rem;
    padding: 0 0.875rem;
    border: 1px solid var(--line-strong);
    border-radius: 10px;
    background: var(--surface);
    color: var(--text);
    /* 16 px: anything smaller makes iPhones zoom in. */
    font: 400 1rem/1.3 var(--font);
  }
  select {
    padding-right: 2.25rem;
    text-overflow: ellipsis;
  }
  .select {
    position: relative;
  }
  .select::after {
    content: '';
    position: absolute;
    top: calc(50% - 0.375rem);
    right: 1rem;
    width: 0.4375rem;
    height: 0.4375rem;
    border: solid var(--muted);
    border-width: 0 2px 2px 0;
    transform: rotate(45deg);
    pointer-events: none;
  }
  input::placeholder {
    color: var(--muted);
    opacity: 1;
  }
  input[aria-invalid='true'] {
    border-color: var(--bad);
    box-shadow: 0 0 0 1px var(--bad);
  }
  .hint {
    color: var(--muted);
    font-size: 0.875rem;
  }
  .error {
    color: var(--bad);
    font-size: 0.875rem;
    font-weight: 540;
  }
`;

export const pills = css`
  .pill {
    display: inline-flex;
    align-items: center;
    gap: 0.375rem;
    height: 1.5rem;
    padding: 0 0.5625rem;
    border-radius: 999px;
    background: var(--surface-sunken);
    color: var(--muted);
    font-size: 0.8125rem;
    font-weight: 580;
    white-space: nowrap;
  }
  .pill::before {
    content: '';
    width: 0.4375rem;
    height: 0.4375rem;
    border-radius: 50%;
    background: currentColor;
  }
  .pill.live {
    background: var(--live);
    color: var(--on-live);
  }
  .pill.starting {
    background: var(--accent-soft);
    color: var(--accent);
  }
  .pill.interrupted {
    background: var(--warn-soft);
    color: var(--warn);
  }
`;
