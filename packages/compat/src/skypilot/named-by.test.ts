import { expect, it } from 'vitest';
import { namedBy } from './named-by.ts';

const ALL = ['train-1', 'train-2', 'eval', 'a'.repeat(40)];
const chosen = (names: readonly string[] | null): string[] => ALL.filter(namedBy(names));

it('takes names and patterns together, and all where none is named', () => {
  expect(chosen(null)).toEqual(ALL);
  expect(chosen([])).toEqual([]);
  expect(chosen(['eval', 'train-[!1]'])).toEqual(['train-2', 'eval']);
  expect(chosen(['train-?', 'none'])).toEqual(['train-1', 'train-2']);
});

it('takes no time for patterns that are made to take long', () => {
  const hostile = Array.from({ length: 100 }, (_, at) => `${'?*'.repeat(24)}!${at}`);
  const began = performance.now();
  expect(chosen(hostile)).toEqual([]);
  expect(performance.now() - began).toBeLessThan(1_000);
});

it.each([
  ['more patterns than a hundred', Array.from({ length: 101 }, (_, at) => `*${at}`)],
  ['a pattern of more than a hundred characters', ['*'.repeat(101)]],
])('refuses %s', (_, names) => {
  expect(() => namedBy(names)).toThrow(expect.objectContaining({ code: 'INVALID_REQUEST' }));
  expect(chosen(Array.from({ length: 5_000 }, (_, at) => `name-${at}`))).toEqual([]);
});
