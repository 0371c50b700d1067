/** Our own icons, 24 × 24, drawn with the current colour. */
import { svg, html, type TemplateResult } from 'lit';

function icon(paths: TemplateResult<2>, size = 20): TemplateResult {
  return html`<svg
    viewBox="0 0 24 24"
    width=${size}
    height=${size}
    fill="none"
    stroke="currentColor"
    stroke-width="1.9"
    stroke-linecap="round"
    stroke-linejoin="round"
    aria-hidden="true"
    focusable="false"
  >
    ${paths}
  </svg>`;
}

export const viewersIcon = (size = 16) =>
  icon(svg`<path d="M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12Z"/><circle cx="12" cy="12" r="3"/>`, size);
export const copyIcon = (size = 18) =>
  icon(svg`<rect x="9" y="9" width="11" height="11" rx="2.5"/><path d="M5.5 15H5a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2h8a2 2 0 0 1 2 2v.5"/>`, size);
export const checkIcon = (size = 18) => icon(svg`<path d="m5 12.5 4.5 4.5L19 7.5"/>`, size);
export const lockIcon = (size = 16) =>
  icon(svg`<rect x="5" y="10.5" width="14" height="9.5" rx="2.5"/><path d="M8.5 10.5V7.5a3.5 3.5 0 0 1 7 0v3"/>`, size);
export const globeIcon = (size = 16) =>
  icon(svg`<circle cx="12" cy="12" r="9"/><path d="M3 12h18M12 3c2.5 2.6 3.7 5.6 3.7 9s-1.2 6.4-3.7 9c-2.5-2.6-3.7-5.6-3.7-9S9.500 5.600 12 3Z"/>`, size);
export const broadcastIcon = (size = 20) =>
  icon(svg`<circle cx="12" cy="12" r="2.4" fill="currentColor" stroke="none"/><path d="M7.800 16.200a6 6 0 0 1 0-8.400M16.200 7.800a6 6 0 0 1 0 8.400M4.900 19.100a10 10 0 0 1 0-14.200M19.100 4.900a10 10 0 0 1 0 14.200"/>`, size);
export const shareIcon = (size = 18) =>
  icon(svg`<path d="M12 15V3.500M8 7l4-3.500L16 7M5 12.500V18a2.500 2.500 0 0 0 2.500 2.500h9A2.500 2.500 0 0 0 19 18v-5.500"/>`, size);
export const codeIcon = (size = 18) => icon(svg`<path d="m8 7-5 5 5 5M16 7l5 5-5 5"/>`, size);
export const closeIcon = (size = 18) => icon(svg`<path d="M6 6l12 12M18 6 6 18"/>`, size);
export const slidersIcon = (size = 24) =>
  icon(svg`<path d="M4 7h9M17.500 7H20M4 17h2.500M11 17h9"/><circle cx="15.200" cy="7" r="2.300"/><circle cx="8.800" cy="17" r="2.300"/>`, size);
export const captionsIcon = (size = 24) =>
  icon(svg`<rect x="3" y="5.500" width="18" height="13" rx="3"/><path d="M10.500 10.600a2 2 0 1 0 0 2.800M17 10.600a2 2 0 1 0 0 2.800"/>`, size);
export const soundOffIcon = (size = 20) =>
  icon(svg`<path d="M11 5 6.500 9H3v6h3.500L11 19V5ZM16 9.500l5 5M21 9.500l-5 5"/>`, size);
export const playIcon = (size = 32) =>
  html`<svg viewBox="0 0 24 24" width=${size} height=${size} fill="currentColor" aria-hidden="true" focusable="false">
    <path d="M8 5.600c0-1.050 1.150-1.700 2.050-1.150l9.100 5.900c.8.550.8 1.750 0 2.300l-9.100 5.900C9.150 19.100 8 18.450 8 17.400V5.600Z" />
  </svg>`;

/** The mark: a picture, and the waves that it leaves on. */
export const logo = (size = 28) => html`<svg
  viewBox="0 0 32 32"
  width=${size}
  height=${size}
  fill="none"
  aria-hidden="true"
  focusable="false"
>
  <rect width="32" height="32" rx="9" fill="var(--accent)" />
  <path d="M9 10.400v11.200c0 .9 1 1.450 1.750.95l7.600-5.150a1.680 1.680 0 0 0 0-2.800l-7.600-5.150C10 8.950 9 9.500 9 10.400Z" fill="var(--on-accent)" />
  <path
    d="M21 11.200a6.800 6.800 0 0 1 0 9.600M24 8.200a11 11 0 0 1 0 15.600"
    stroke="var(--on-accent)"
    stroke-width="2.100"
    stroke-linecap="round"
  />
</svg>`;
