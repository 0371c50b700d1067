/**
 * Lets media-chrome's elements live under `style-src 'self'`.
 *
 * Each element's static `getTemplateHTML` answers HTML that begins with <style> elements, which such a
 * policy refuses. Here the styles are taken out of the HTML and given to the shadow root as constructable
 * style sheets, which the policy allows because only our own script can make them.
 */
type TemplateClass = CustomElementConstructor & {
  getTemplateHTML?: (attributes: Record<string, string>, props?: unknown) => string;
};

const STYLE = /<style>([\s\S]*?)<\/style>/g;
/** Nested elements make their own shadow root, and get their styles there. */
const NESTED_SHADOW = /<template shadowrootmode[\s\S]*?<\/template>/g;

/** Splits a template into HTML without styles, and the styles. */
export function splitTemplate(html: string): { html: string; css: string } {
  const flat = html.replace(NESTED_SHADOW, '');
  const css = [...flat.matchAll(STYLE)].map((match) => match[1] ?? '').join('\n');
  return { html: flat.replace(STYLE, ''), css };
}

const sheets = new Map<unknown, CSSStyleSheet>();

/** Changes a media-chrome class (and its children) before the first element of it is made. */
export function adoptStyles(elementClass: TemplateClass): void {
  const original = elementClass.getTemplateHTML;
  if (!original) return;
  elementClass.getTemplateHTML = function (attributes, props) {
    return splitTemplate(original.call(this, attributes, props)).html;
  };
  const attach = elementClass.prototype.attachShadow as typeof HTMLElement.prototype.attachShadow;
  elementClass.prototype.attachShadow = function (this: HTMLElement, init: ShadowRootInit) {
    const root = attach.call(this, init);
    const constructor = this.constructor;
    let sheet = sheets.get(constructor);
    if (!sheet) {
      sheet = new CSSStyleSheet();
      sheet.replaceSync(splitTemplate(original.call(constructor as TemplateClass, {})).css);
      sheets.set(constructor, sheet);
    }
    root.adoptedStyleSheets = [sheet];
    return root;
  };
}
