import fc from 'fast-check';
import { expect, it } from 'vitest';
import { globMatcher } from './glob.ts';

const matches = (glob: string, text: string): boolean => globMatcher(glob, { sets: true })(text);

it.each([
  ['train', 'train', true],
  ['train', 'train-1', false],
  ['train-*', 'train-', true],
  ['train-*', 'train-a-b', true],
  ['train-*', 'retrain-a', false],
  ['*', '', true],
  ['**a**', 'bab', true],
  ['?', '', false],
  ['t?ain', 'train', true],
  ['t?ain', 'tain', false],
  ['*-a-*-b', 'x-a-y-a-z-b', true],
  ['*-a-*-b', 'x-a-y-a-z-c', false],
  ['*aab', 'aaab', true],
  ['a*?c', 'abc', true],
  ['a*?c', 'ac', false],
  ['Train', 'train', false],
  ['?', '😀', true],
  ['a.c', 'abc', false],
  ['a+(b|c)$', 'a+(b|c)$', true],
  // Sets.
  ['gpu-[012]', 'gpu-1', true],
  ['gpu-[012]', 'gpu-3', false],
  ['gpu-[0-9]', 'gpu-7', true],
  ['gpu-[!0-9]', 'gpu-7', false],
  ['gpu-[!0-9]', 'gpu-a', true],
  ['[a-c-]', '-', true],
  ['[-a]', '-', true],
  ['[]a]', ']', true],
  ['[!]a]', ']', false],
  ['[z-a]', 'b', false],
  ['[!z-a]', 'b', true],
  ['[^a]', '^', true],
  ['[a', '[a', true],
  ['[]', '[]', true],
  ['x[*]', 'x*', true],
  ['x[*]', 'xy', false],
])('%s and %s: %s', (glob, text, is) => {
  expect(matches(glob, text)).toBe(is);
});

it('without sets a bracket is itself', () => {
  expect(globMatcher('[ab]')('a')).toBe(false);
  expect(globMatcher('[ab]*')('[ab]c')).toBe(true);
});

it('says of every pattern of stars and question marks what a regular expression says', () => {
  const word = (chars: string) => fc.string({ unit: fc.constantFrom(...chars), maxLength: 8 });
  fc.assert(
    fc.property(word('ab*?'), word('ab'), (glob, text) => {
      const pattern = new RegExp(`^${glob.replaceAll(/\*+/g, '.*').replaceAll('?', '.')}$`);
      expect([glob, text, matches(glob, text)]).toEqual([glob, text, pattern.test(text)]);
    }),
    { numRuns: 2_000 },
  );
});

it.each([
  ['question marks and stars in turn', `${'?*'.repeat(24)}!`, 'a'.repeat(40)],
  ['many stars', `${'*a'.repeat(500)}!`, 'a'.repeat(20_000)],
  ['a long run after a star', `*${'a'.repeat(1_000)}b`, 'a'.repeat(10_000)],
  ['many sets', `${'*[!b]'.repeat(500)}!`, 'a'.repeat(20_000)],
  ['sets without an end', '[!'.repeat(2_000), 'a'.repeat(20_000)],
])('takes no time for a pattern that would hold a regular expression for ever: %s', (_, glob, text) => {
  const began = performance.now();
  expect(matches(glob, text)).toBe(false);
  expect(performance.now() - began).toBeLessThan(2_000);
});
