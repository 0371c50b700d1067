import { css } from 'lit';
import { reset } from '../styles/shared.ts';

export const playerStyles = [
  reset,
  css`
    :host {
      display: block;
      container-type: inline-size;
      aspect-ratio: 16 / 9;
      background: #000;
      overflow: hidden;
    }
    :host([embed]) {
      position: fixed;
      inset: 0;
      aspect-ratio: auto;
    }
    media-controller {
      position: relative;
      display: block;
      width: 100%;
      height: 100%;
      line-height: 1.4;
      --media-control-background: transparent;
      --media-control-hover-background: rgb(255 255 255 / 0.14);
      --media-control-padding: 10px;
      --media-primary-color: #fff;
      --media-font-family: var(--font);
      --media-focus-box-shadow: inset 0 0 0 2px #fff;
      --media-range-bar-color: #fff;
      --media-range-track-background: rgb(255 255 255 / 0.34);
      --media-range-track-border-radius: 4px;
      --media-tooltip-background-color: rgb(18 21 28 / 0.97);
      --media-tooltip-border-radius: 8px;
      --media-control-transition-out: opacity 0.5s;
    }
    media-controller:focus-visible {
      outline: 3px solid var(--accent);
      outline-offset: -3px;
    }
    video {
      display: block;
      width: 100%;
      height: 100%;
      object-fit: contain;
    }
    canvas {
      position: absolute;
      inset: 0;
      width: 100%;
      height: 100%;
      object-fit: contain;
      background: #000;
      pointer-events: none !important;
    }
    media-controller:not([userinactive]) video::-webkit-media-text-track-container {
      transform: translateY(-3.25rem);
    }
    .bare video {
      visibility: hidden;
    }
    media-control-bar {
      position: relative;
      z-index: 1;
      align-items: center;
      width: 100%;
      padding: 2.25rem 0.5rem 0.375rem;
      padding-bottom: max(0.375rem, env(safe-area-inset-bottom));
      background: linear-gradient(transparent, rgb(6 8 12 / 0.5) 45%, rgb(6 8 12 / 0.82));
    }
    media-control-bar:not(:defined),
    media-control-bar.away {
      display: none;
    }
    media-play-button,
    media-mute-button,
    media-pip-button,
    media-fullscreen-button {
      border-radius: 8px;
      --media-control-height: 24px;
    }
    media-volume-range {
      width: 84px;
      border-radius: 8px;
    }
    .space {
      flex: 1;
    }
    .unmute {
      appearance: none;
      position: absolute;
      z-index: 2;
      top: 0.875rem;
      right: 0.875rem;
      display: inline-flex;
      align-items: center;
      gap: 0.5rem;
      min-height: 2.5rem;
      padding: 0 1rem 0 0.8125rem;
      border: 0;
      border-radius: 999px;
      background: rgb(255 255 255 / 0.96);
      color: #10131a;
      font: 620 0.9375rem/1 var(--font);
      box-shadow: 0 8px 30px rgb(0 0 0 / 0.45);
      cursor: pointer;
    }
    .unmute:focus-visible {
      outline: 3px solid #fff;
      outline-offset: 3px;
    }
    .badge {
      position: absolute;
      z-index: 2;
      top: 0.875rem;
      left: 0.875rem;
      display: inline-flex;
      align-items: center;
      gap: 0.5rem;
      padding: 0.3125rem 0.75rem 0.3125rem 0.625rem;
      border-radius: 999px;
      background: rgb(10 12 17 / 0.72);
      color: #e9edf4;
      font: 560 0.8125rem/1.4 var(--font);
    }
    .badge::before {
      content: '';
      width: 0.5rem;
      height: 0.5rem;
      border-radius: 50%;
      background: #f0bd66;
      animation: breathe 2s ease-in-out infinite;
    }
    @keyframes breathe {
      50% {
        opacity: 0.35;
      }
    }
    video::cue {
      background: rgb(8 10 15 / 0.78);
      color: #fff;
      font-family: var(--font);
      line-height: 1.35;
    }
    .embed-title {
      display: flex;
      align-items: center;
      gap: 0.875rem;
      width: 100%;
      padding: 0.75rem 12rem 2rem 0.875rem;
      background: linear-gradient(rgb(6 8 12 / 0.72), transparent);
      color: #fff;
      font: 600 0.9375rem/1.4 var(--font);
    }
    .embed-title a {
      color: inherit;
      text-decoration: none;
      overflow: hidden;
      text-overflow: ellipsis;
      white-space: nowrap;
    }
    .embed-title a:hover {
      text-decoration: underline;
    }
    .embed-title span {
      display: inline-flex;
      align-items: center;
      gap: 0.375rem;
      font-weight: 500;
      font-size: 0.875rem;
      white-space: nowrap;
    }
    @media (max-width: 32rem) {
      media-volume-range {
        display: none;
      }
      media-control-bar {
        padding-inline: 0.125rem;
      }
    }
  `,
];
