import { expect, it } from 'vitest';
import { splitTemplate } from '../src/media-chrome/styles.ts';

it('takes the styles out of a template, for a policy without inline styles', () => {
  const { html, css } = splitTemplate('<style>:host { color: red }</style><slot></slot><style>b {}</style>');
  expect(html).toBe('<slot></slot>');
  expect(css).toContain('color: red');
  expect(css).toContain('b {}');
});

it('drops nested shadow roots, which their elements make themselves', () => {
  const { html, css } = splitTemplate(
    '<style>a {}</style><media-tooltip><template shadowrootmode="open"><style>inner {}</style><slot></slot></template>Play</media-tooltip>',
  );
  expect(html).toBe('<media-tooltip>Play</media-tooltip>');
  expect(css).not.toContain('inner');
});
