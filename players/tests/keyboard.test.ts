import { describe, expect, it, vi } from 'vitest';
import { belongsToFocus, pressKey, type KeyTargets } from '../src/keyboard.ts';

function targets() {
  return {
    toggle: vi.fn(),
    mute: vi.fn(),
    fullscreen: vi.fn(),
    statistics: vi.fn(),
    captions: vi.fn(),
    live: vi.fn(),
    step: vi.fn(),
    volume: vi.fn(),
  } satisfies KeyTargets;
}

it.each([
  [' ', 'toggle', []],
  ['k', 'toggle', []],
  ['m', 'mute', []],
  ['f', 'fullscreen', []],
  ['i', 'statistics', []],
  ['c', 'captions', []],
  ['l', 'live', []],
  ['ArrowLeft', 'step', [-1]],
  ['ArrowRight', 'step', [1]],
  ['ArrowUp', 'volume', [0.1]],
  ['ArrowDown', 'volume', [-0.1]],
] as const)('%j does %s', (key, name, values) => {
  const spies = targets();
  expect(pressKey(key, spies)).toBe(true);
  expect(spies[name]).toHaveBeenCalledExactlyOnceWith(...values);
});

it('leaves other keys to the browser', () => {
  expect(pressKey('Tab', targets())).toBe(false);
});

describe('a key belongs to what has the focus', () => {
  function press(html: string, init: KeyboardEventInit): boolean {
    document.body.innerHTML = html;
    let belongs = false;
    const listener = (event: KeyboardEvent) => (belongs = belongsToFocus(event));
    document.addEventListener('keydown', listener, { once: true });
    const target = document.body.firstElementChild ?? document.body;
    target.dispatchEvent(new KeyboardEvent('keydown', { bubbles: true, composed: true, ...init }));
    return belongs;
  }

  it('when it is typed into a field', () => expect(press('<input>', { key: 'm' })).toBe(true));
  it('when it presses a focused button', () => expect(press('<button>x</button>', { key: ' ' })).toBe(true));
  it('not when it means nothing to a button', () => expect(press('<button>x</button>', { key: 'm' })).toBe(false));
  it('when arrows move a slider', () => expect(press('<input type="range">', { key: 'ArrowUp' })).toBe(true));
  it('not for letters on a slider', () => expect(press('<input type="range">', { key: 'm' })).toBe(false));
  it('when it is the browser’s shortcut', () => expect(press('<div></div>', { key: 'l', ctrlKey: true })).toBe(true));
  it('not on the page itself', () => expect(press('<div></div>', { key: 'l' })).toBe(false));
});
