import { expect, it } from 'vitest';
import { chosenCaption } from '../../src/captions/choice.ts';

const renditions = [
  { name: 'English', language: 'en', uri: 'a' },
  { name: 'English, easy', language: 'en-GB', uri: 'b' },
  { name: 'CC1', language: '', uri: 'c' },
];

it.each([
  [null, -1],
  [{ language: 'en-GB', name: 'English, easy' }, 1],
  [{ language: 'en', name: 'Something else' }, 0],
  [{ language: 'en-US', name: 'English' }, 0],
  [{ language: 'fr', name: 'Français' }, -1],
  [{ language: '', name: 'CC1' }, 2],
  [{ language: '', name: 'CC3' }, -1],
])('for a viewer who had %j: %i', (choice, index) => expect(chosenCaption(renditions, choice)).toBe(index));
