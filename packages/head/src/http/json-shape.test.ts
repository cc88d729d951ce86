import { describe, expect, it } from 'vitest';
import { brokenShape, MOST_DEPTH, MOST_TOKENS } from './json-shape.ts';

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
const DEEP = /^at most 64 /;

describe('the shape of a JSON text', () => {
  it('has a depth, of lists and objects together', () => {
    expect(brokenShape(nested(MOST_DEPTH))).toBeNull();
    expect(brokenShape(nested(MOST_DEPTH + 1))).toMatch(DEEP);
    expect(brokenShape(`${'[{"a":'.repeat(33)}1${'}]'.repeat(33)}`)).toMatch(DEEP);
    expect(brokenShape(`[${`${nested(60)},`.repeat(1000)}1]`)).toBeNull();
  });

  it('has a number of tokens', () => {
    expect(brokenShape(`[${'0,'.repeat(MOST_TOKENS - 1)}0]`)).toBeNull();
    expect(brokenShape(`[${'0,'.repeat(MOST_TOKENS)}0]`)).toMatch(/^at most 200000 /);
    expect(brokenShape('{"a":[1,2]}', 4)).toBeNull();
    expect(brokenShape('{"a":[1,2]}', 3)).toMatch(/^at most 3 /);
  });

  it.each([
    ['plain', '['],
    ['after an escaped quote', '\\"['],
    ['after escaped backslashes and a quote', '\\\\\\"['],
    ['after an escape by number', '\\u0022['],
  ])('does not count what stands in a string: %s', (_, piece) => {
    expect(brokenShape(`["${piece.repeat(1000)}"]`, 1)).toBeNull();
  });

  it.each([['""'], ['"\\\\"'], ['"\\\\\\\\"'], ['"a\\""'], ['"\\\\\\""']])(
    'goes on after the end of the string %s',
    (text) => {
      expect(typeof JSON.parse(text)).toBe('string');
      expect(brokenShape(`[${text},${nested(MOST_DEPTH)}]`)).toMatch(DEEP);
    },
  );

  it('leaves what is no JSON to the parser', () => {
    for (const text of ['', '"', '"\\', '"\\"', ']]]]', '{', 'nonsense', '\\"['])
      expect(brokenShape(text)).toBeNull();
  });
});
