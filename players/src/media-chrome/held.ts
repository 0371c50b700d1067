/**
 * Holds back media-chrome's elements until their classes have been made ready (styles.ts). They are in the page
 * before this script is: the browser would upgrade them as soon as they are defined, with their inline styles.
 * Imported before any of them.
 */
type Definition = Parameters<CustomElementRegistry['define']>;

const define = customElements.define.bind(customElements);
const held: Definition[] = [];

customElements.define = (...definition: Definition) => {
  if (definition[0].startsWith('media-')) held.push(definition);
  else define(...definition);
};

/** Their classes are ready. */
export function release(): void {
  customElements.define = define;
  for (const definition of held.splice(0)) define(...definition);
}
