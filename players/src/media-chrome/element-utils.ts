/** Stands in for media-chrome's module of the same name (see build/media-chrome-csp.ts). */
export * from 'media-chrome/dist/utils/element-utils.js';

const written = new WeakMap<ShadowRoot, CSSStyleSheet>();

function sheetOf(root: ShadowRoot): CSSStyleSheet {
  let sheet = written.get(root);
  if (!sheet) {
    sheet = new CSSStyleSheet();
    written.set(root, sheet);
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
  }
  return sheet;
}

/** The rule of this root whose selector satisfies the predicate. */
export function getCSSRule(root: ShadowRoot, predicate: (selector: string) => boolean): CSSStyleRule | undefined {
  for (const rule of sheetOf(root).cssRules) {
    if (rule instanceof CSSStyleRule && predicate(rule.selectorText)) return rule;
  }
  return undefined;
}

/** A new, empty rule at the end of the root's own sheet. */
export function insertCSSRule(root: ShadowRoot, selector: string): CSSStyleRule {
  const sheet = sheetOf(root);
  const index = sheet.insertRule(`${selector}{}`, sheet.cssRules.length);
  return sheet.cssRules[index] as CSSStyleRule;
}

export function getOrInsertCSSRule(root: ShadowRoot, selector: string): CSSStyleRule {
  return getCSSRule(root, (text) => text === selector) ?? insertCSSRule(root, selector);
}
