import { expect, it } from 'vitest';
import type { Stream } from '../../src/api.ts';
import { ladderChoice, ladderWords } from '../../src/ladders.ts';
import { changesOf, type Settings } from '../../src/studio/settings.ts';

const stream = { name: 'x', title: 'Show', visibility: 'public', ladder: ['720p', '480p'] } as Stream;
const same: Settings = { title: 'Show', visibility: 'public', ladder: ['720p', '480p'], takeover: false };

it('asks for nothing when nothing differs', () => expect(changesOf(stream, same)).toEqual({}));
it('asks only for what differs', () => {
  expect(changesOf(stream, { ...same, title: 'Other', takeover: true })).toEqual({ title: 'Other', takeover: true });
  expect(changesOf(stream, { ...same, visibility: 'private', ladder: 'auto' })).toEqual({ visibility: 'private', ladder: 'auto' });
});
it('leaves a ladder that the form does not know', () => expect(changesOf(stream, { ...same, ladder: null })).toEqual({}));

it('knows its own ladders', () => {
  expect(ladderChoice(undefined)).toBe('auto');
  expect(ladderChoice(['720p', '480p'])).toBe('hd');
  expect(ladderChoice(['144p'])).toBeNull();
  expect(ladderWords(['1080p', '144p'])).toBe('1080p, 144p');
});
