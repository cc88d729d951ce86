/** Amounts as task files write them: `4`, `4+`, `16GB`, `10m`. */
import { parseSizeMiB } from '../resources.ts';
import type { ResourcesSpec } from '../wire/task.ts';
import type { Field } from './field.ts';

export type Amount = NonNullable<ResourcesSpec['cpus']>;

const MAX_AMOUNT = 1_000_000;
const MAX_MINUTES = 60 * 24 * 365;

/** `2` is exactly so much, `2+` at least so much. Of a text without unit: cores. */
export function parseCpus(field: Field): Amount {
  const { text, atLeast } = split(field);
  if (text === null) return { amount: positive(field, field.number(0, MAX_AMOUNT)), atLeast };
  const match = /^\d{1,7}(?:\.\d{1,3})?$/.exec(text);
  if (!match) field.refuse('a number of cores, such as 4 or "4+"');
  return { amount: positive(field, Number(text)), atLeast };
}

/** GiB; with a unit that; `4x`: four GiB for each core that is asked for. */
export function parseMemory(field: Field, cpus: Amount | null): Amount {
  const { text, atLeast } = split(field);
  if (text === null) return { amount: positive(field, field.number(0, MAX_AMOUNT)), atLeast };
  const perCore = /^(\d{1,5}(?:\.\d{1,3})?)x$/i.exec(text);
  if (perCore) {
    if (cpus === null) field.refuse('memory for each core needs cpus beside it');
    return { amount: Number(perCore[1]) * cpus.amount, atLeast: atLeast || cpus.atLeast };
  }
  return { amount: positive(field, gibibytes(field, text)), atLeast };
}

/** Whole GiB, rounded up. */
export function parseDiskGiB(field: Field): number {
  const { value } = field;
  const size = typeof value === 'string' ? gibibytes(field, value.trim()) : field.number(0, MAX_AMOUNT);
  return Math.ceil(positive(field, size));
}

/** Minutes of a number, `10`, `90s`, `10m`, `1h` or `1d`. */
export function parseMinutes(field: Field): number {
  if (typeof field.value !== 'string') return field.number(0, MAX_MINUTES);
  const match = /^\s*(\d{1,7}(?:\.\d{1,3})?)\s*([smhd]?)\s*$/i.exec(field.value);
  if (!match) field.refuse('minutes, or a time such as "10m", "1h" or "1d"');
  const minutes = Number(match[1]) * ({ s: 1 / 60, h: 60, d: 1440 }[(match[2] ?? '').toLowerCase()] ?? 1);
  return minutes <= MAX_MINUTES ? minutes : field.refuse('at most a year');
}

/** The text without its `+`; null for a number. */
function split(field: Field): { text: string | null; atLeast: boolean } {
  if (typeof field.value === 'number') return { text: null, atLeast: false };
  const text = field.text().trim();
  return text.endsWith('+') ? { text: text.slice(0, -1).trim(), atLeast: true } : { text, atLeast: false };
}

/** A size without a unit is GiB here. Units are binary: GB and GiB are the same. */
function gibibytes(field: Field, text: string): number {
  const sized = /^[\d.]+$/.test(text) ? `${text}GiB` : text;
  const mib = parseSizeMiB(sized);
  if (mib === null) field.refuse('a size such as 16, "16+", "16GB" or "512MB"');
  return mib / 1024;
}

function positive(field: Field, amount: number): number {
  if (amount <= 0) field.refuse('more than 0');
  return amount <= MAX_AMOUNT ? amount : field.refuse(`at most ${MAX_AMOUNT}`);
}
