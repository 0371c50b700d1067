import { expect, it } from 'vitest';
import { History } from '../../src/studio/history.ts';

it('keeps columns of one length, with holes where nothing was measured', () => {
  const history = new History(60);
  history.add(1, { input: 5 });
  history.add(2, { input: 6, '480p': 1 });
  history.add(3, { '480p': 2 });
  expect(history.columns()).toEqual({ times_s: [1, 2, 3], names: ['input', '480p'], values: [[5, 6, null], [null, 1, 2]] });
});

it('forgets what is older than its span, and lines that are gone', () => {
  const history = new History(10);
  history.add(0, { a: 1, b: 1 });
  history.add(9, { a: 2 });
  history.add(15, { a: 3 });
  expect(history.columns()).toEqual({ times_s: [9, 15], names: ['a'], values: [[2, 3]] });
});

it('leaves out a moment that was before', () => {
  const history = new History(10);
  history.add(5, { a: 1 });
  history.add(5, { a: 2 });
  history.add(4, { a: 3 });
  expect(history.columns().values).toEqual([[1]]);
});
