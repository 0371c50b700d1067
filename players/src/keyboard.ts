/** The player's keys. */
export interface KeyTargets {
  toggle(): void;
  mute(): void;
  fullscreen(): void;
  statistics(): void;
  captions(): void;
  live(): void;
  step(direction: -1 | 1): void;
  volume(change: number): void;
}

/** Does what the key means; answers whether it meant anything. */
export function pressKey(key: string, targets: KeyTargets): boolean {
  switch (key) {
    case ' ':
    case 'k':
      targets.toggle();
      return true;
    case 'm':
      targets.mute();
      return true;
    case 'f':
      targets.fullscreen();
      return true;
    case 'i':
      targets.statistics();
      return true;
    case 'c':
      targets.captions();
      return true;
    case 'l':
      targets.live();
      return true;
    case 'ArrowLeft':
      targets.step(-1);
      return true;
    case 'ArrowRight':
      targets.step(1);
      return true;
    case 'ArrowUp':
      targets.volume(0.1);
      return true;
    case 'ArrowDown':
      targets.volume(-0.1);
      return true;
    default:
      return false;
  }
}

const TYPING = new Set(['INPUT', 'TEXTAREA', 'SELECT']);
const PRESSED_BY_SPACE = new Set(['BUTTON', 'A', 'SUMMARY', 'MEDIA-PLAY-BUTTON', 'MEDIA-MUTE-BUTTON', 'MEDIA-PIP-BUTTON', 'MEDIA-FULLSCREEN-BUTTON']);
const ARROWS = new Set(['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown']);

/** Whether the key belongs to what has the focus (a field, a focused button, a slider) and not to the player. */
export function belongsToFocus(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey) return true;
  const target = event.composedPath()[0];
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable) return true;
  if (TYPING.has(target.tagName)) return target.getAttribute('type') !== 'range' || ARROWS.has(event.key);
  return event.key === ' ' && PRESSED_BY_SPACE.has(target.tagName);
}
