/** `accelerators`: one model, several of which any will do, or several in the order in which they are wanted. */
import { gpuWish } from '../gpu-names.ts';
import type { ResourcesSpec } from '../wire/task.ts';
import type { Field } from './field.ts';

export type Accelerators = NonNullable<ResourcesSpec['accelerators']>;

/** What was asked for. `mode` is null where there is one way only. */
export interface AcceleratorChoice {
  readonly mode: 'any_of' | 'ordered' | null;
  readonly choices: readonly Accelerators[];
}

/** `A100`, `A100:8`, `{A100: 8}`; a map of several is any of them, a list is ordered. */
export function parseAccelerators(field: Field): AcceleratorChoice {
  const { value } = field;
  if (typeof value === 'string') return { mode: null, choices: [parseOne(field)] };
  const count = typeof value === 'object' && value !== null ? Object.keys(value).length : 0;
  if (count > 100) field.refuse('at most 100');
  const choices = Array.isArray(value)
    ? field.items().map(parseOne)
    : [...field.entries()].map(([name, count]) => named(count, name, count.isEmpty ? 1 : countOf(count)));
  if (choices.length === 0) field.refuse('at least one');
  return { mode: choices.length === 1 ? null : Array.isArray(value) ? 'ordered' : 'any_of', choices };
}

function parseOne(field: Field): Accelerators {
  const text = field.text().trim();
  const [, name = '', count] = /^([^:]*)(?::\s*(\d{1,4}(?:\.\d{1,3})?))?$/.exec(text) ?? field.refuse(RULE);
  return named(field, name.trim(), count === undefined ? 1 : inRange(field, Number(count)));
}

const RULE = 'a GPU model and how many, such as A100:8';

function countOf(field: Field): number {
  return inRange(field, typeof field.value === 'string' ? Number(field.text()) : field.number(0, 1024));
}

function inRange(field: Field, count: number): number {
  return count > 0 && count <= 1024 ? count : field.refuse('more than 0 and at most 1024');
}

function named(field: Field, name: string, count: number): Accelerators {
  if (/^\d+\s*[gm]i?b\+?$/i.test(name)) {
    field.refuse('GPUs are asked for by model, not by the size of their memory', {
      hint: 'list the models that would do: {A100-80GB: 1, H100: 1}',
    });
  }
  if (!/^[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}$/.test(name)) field.refuse(RULE);
  return { name: gpuWish(name), count };
}
