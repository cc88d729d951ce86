import { expect, it } from 'vitest';
import { Body } from './body.ts';
import { filterOf } from './catalogue.ts';

it('GPUs are filtered by a name of at most 100 characters, and by how many', () => {
  const gpus = { name: 'A100-80GB', count: 4 };
  const isChosen = (body: object) => filterOf(new Body(body))(gpus);
  expect(isChosen({})).toBe(true);
  expect(isChosen({ name_filter: '^a100-80gb$', quantity_filter: 4 })).toBe(true);
  expect(isChosen({ name_filter: 'h100' })).toBe(false);
  expect(isChosen({ quantity_filter: 5 })).toBe(false);
  expect(isChosen({ name_filter: 'a'.repeat(100) })).toBe(false);
  expect(() => filterOf(new Body({ name_filter: 'a'.repeat(101) }))).toThrow(/name_filter: at most 100/);
});
