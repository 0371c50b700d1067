import { css } from 'lit';
import { buttons, pills, reset, type } from '../styles/shared.ts';

export const studioStyles = [
  reset,
  type,
  buttons,
  pills,
  css`
    :host {
      display: block;
    }
    .crumbs {
      margin-bottom: 0.25rem;
      font-size: 0.875rem;
    }
    .head {
      display: flex;
      flex-wrap: wrap;
      align-items: center;
      gap: 0.5rem 0.875rem;
      margin-bottom: 1.25rem;
    }
    h1 {
      min-width: 0;
      overflow-wrap: anywhere;
    }
    .facts {
      display: inline-flex;
      flex-wrap: wrap;
      gap: 0.125rem 0.875rem;
      color: var(--muted);
      font-size: 0.9375rem;
      font-variant-numeric: tabular-nums;
    }
    .facts span {
      display: inline-flex;
      align-items: center;
      gap: 0.25rem;
    }
    .space {
      flex: 1;
    }
    .desk {
      display: grid;
      grid-template-columns: minmax(0, 22rem) minmax(0, 1fr);
      grid-template-rows: auto 1fr;
      align-items: start;
      gap: 1rem;
    }
    .main {
      grid-column: 2;
      grid-row: 1 / span 2;
    }
    .side,
    .main,
    .controls {
      display: grid;
      gap: 1rem;
      min-width: 0;
    }
    .graphs {
      display: grid;
      grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr));
      gap: 1rem;
    }
    .card {
      border-radius: var(--radius);
      background: var(--surface);
      box-shadow:
        0 0 0 1px var(--line),
        var(--shadow);
      overflow: hidden;
    }
    .card > h2 {
      padding: 1rem clamp(1rem, 2.5vw, 1.375rem) 0.375rem;
    }
    .pad {
      display: grid;
      justify-items: start;
      gap: 0.75rem;
      padding: 1.125rem;
    }
    .pad > h2 {
      padding: 0;
      font-size: 1.0625rem;
    }
    .pad > * {
      max-width: 100%;
    }
    ms-copy-field,
    ms-stream-settings,
    dl {
      width: 100%;
    }
    ms-publish-details {
      display: block;
      margin-bottom: 1rem;
    }
    dl {
      display: grid;
      gap: 0.375rem;
      font-size: 0.9375rem;
    }
    dl div {
      display: grid;
      grid-template-columns: 7.75rem minmax(0, 1fr);
      gap: 0.75rem;
    }
    dt {
      color: var(--muted);
    }
    dd {
      font-variant-numeric: tabular-nums;
      overflow-wrap: anywhere;
    }
    .notice {
      margin-bottom: 1rem;
      padding: 0.75rem 1rem;
      border-radius: 10px;
      background: var(--warn-soft);
      color: var(--warn);
      font-weight: 540;
    }
    .error {
      margin-bottom: 1rem;
      color: var(--bad);
      font-weight: 540;
    }
    .asking {
      padding: 12vh 0 1rem;
      color: var(--muted);
    }
    @media (max-width: 60rem) {
      .desk {
        grid-template-columns: minmax(0, 1fr);
      }
      .main {
        grid-column: auto;
        grid-row: auto;
      }
    }
  `,
];
