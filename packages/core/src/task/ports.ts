import type { Field } from './field.ts';

const RULE = 'a port from 1 to 65535, or a range such as 8000-8010';

/** `8080`, `"8080"`, `8000-8010`, or a list of them: as texts, each once, in their order. */
export function parsePorts(field: Field | undefined): string[] {
  if (field === undefined || field.isEmpty) return [];
  const items = Array.isArray(field.value) ? field.items() : [field];
  if (items.length > 100) field.refuse('at most 100');
  return [...new Set(items.map(parsePort))];
}

function parsePort(field: Field): string {
  if (typeof field.value === 'number') return String(field.integer(1, 65_535));
  const [, low = '', high = low] =
    /^\s*(\d{1,5})(?:\s*-\s*(\d{1,5}))?\s*$/.exec(field.text()) ?? field.refuse(RULE);
  const [first, last] = [Number(low), Number(high)];
  if (first < 1 || last > 65_535 || first > last) field.refuse(RULE);
  return first === last ? String(first) : `${first}-${last}`;
}
