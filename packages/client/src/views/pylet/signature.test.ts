import { describe, expect, it } from 'vitest';
import * as pylet from './index.ts';
import items from './seed-items.json' with { type: 'json' };

type Anything = Record<string, unknown>;
const view = pylet as unknown as Anything;

/** The text between a function's name and its body: what it takes, with the defaults. */
function headOf(value: unknown): string {
  const text = String(value);
  const open = text.indexOf('(');
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    if (text[at] === '(') depth += 1;
    if (text[at] === ')' && --depth === 0) return text.slice(open + 1, at);
  }
  return '';
}

/** Each parameter by name, with its default as written; null: none. */
function expectParameters(value: unknown, parameters: Readonly<Record<string, string | null>>): void {
  expect(typeof value).toBe('function');
  const head = headOf(value);
  for (const [name, fallback] of Object.entries(parameters)) {
    const tail = fallback === null ? '(?![\\w$])' : `\\s*=\\s*(${fallback})(?![\\w$])`;
    expect(head).toMatch(new RegExp(`(^|[\\s,{(])${name}${tail}`));
  }
}

describe('every item of the seed is here', () => {
  it.each(Object.entries(items.functions))('%s()', (name, { parameters }) => {
    expectParameters(view[name], parameters);
  });

  it.each(Object.entries(items.classes))('class %s', (name, { properties, methods }) => {
    const { prototype } = view[name] as { prototype: object };
    for (const property of properties) {
      expect(Object.getOwnPropertyDescriptor(prototype, property)?.get, property).toBeTypeOf('function');
      expect(Object.getOwnPropertyDescriptor(prototype, property)?.set, property).toBeUndefined();
    }
    for (const [method, parameters] of Object.entries(methods)) {
      expectParameters((prototype as Anything)[method], parameters as Record<string, string>);
    }
  });

  it.each(items.errors)('%s', (name) => {
    const Type = view[name] as new (...args: unknown[]) => Error;
    const error = new Type('text', null);
    expect(error).toBeInstanceOf(Error);
    expect(error).toBeInstanceOf(pylet.PyletError);
    expect(error).toBeInstanceOf(Type);
    expect(error.name).toBe(name);
    for (const other of items.errors) {
      if (other === name || other === 'PyletError') continue;
      expect(error instanceof (view[other] as typeof Type), other).toBe(false);
    }
  });

  it.each(items.aio)('aio.%s()', (name) => {
    expect((pylet.aio as Anything)[name]).toBe(view[name]);
  });
});
