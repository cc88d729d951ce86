import { expect, it } from 'vitest';
import { Body } from './body.ts';

/** Deeper than a text can be made of it. */
function nested(depth: number): unknown {
  let value: unknown = [];
  for (let at = 0; at < depth; at++) value = [value];
  return value;
}

it('a field of the wrong type is refused by name, however deep it is', () => {
  const body = new Body({ deep: nested(200_000), list: ['true'] });
  const refusal = expect.objectContaining({ code: 'INVALID_REQUEST' }) as Error;
  for (const key of ['deep', 'list']) {
    expect(() => body.word(key)).toThrow(refusal);
    expect(() => body.flag(key)).toThrow(refusal);
    expect(() => body.integer(key)).toThrow(refusal);
    expect(() => body.optionalText(key)).toThrow(refusal);
  }
  expect(() => body.texts('deep')).toThrow(refusal);
});

it('words and flags come as texts, numbers or themselves', () => {
  const body = new Body({ word: 'Time', number: 1, yes: 'True', no: '0', none: null });
  expect([body.word('word'), body.word('number'), body.word('none')]).toEqual(['time', '1', null]);
  expect([body.flag('yes'), body.flag('no'), body.flag('none', true)]).toEqual([true, false, true]);
});
