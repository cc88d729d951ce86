import { describe, expect, it } from 'vitest';
import { Unprocessable } from './fields.ts';
import { lastOnes, parseSubmit, queryInteger } from './parse.ts';

const resources = { cpu_cores: 1, gpu_units: 0, memory_mb: 512 };
const body = (more: object = {}) => ({ command: 'true', resource_requirements: resources, ...more });
const withResources = (more: object) => body({ resource_requirements: { ...resources, ...more } });

/** What is wrong, as `type at.the.place`. */
function problemsOf(fn: () => unknown): string[] {
  try {
    fn();
  } catch (error) {
    if (error instanceof Unprocessable)
      return error.problems.map(({ type, loc }) => `${type} ${loc.join('.')}`);
    throw error;
  }
  return [];
}

describe('parseSubmit', () => {
  it('fills in what is absent', () => {
    expect(parseSubmit(body())).toEqual({
      command: 'true',
      cpuCores: 1,
      gpuUnits: 0,
      memoryMb: 512,
      name: null,
      targetWorker: null,
      gpuIndices: null,
      exclusive: true,
      labels: {},
      env: {},
      venv: null,
    });
  });

  it('takes null where PyLet sends it, ignores unknown keys, and reads an empty target as none', () => {
    const nulls = { name: null, target_worker: null, gpu_indices: null, venv: null, more: [1] };
    expect(parseSubmit(body(nulls))).toEqual(parseSubmit(body()));
    expect(parseSubmit(body({ target_worker: '' })).targetWorker).toBeNull();
    expect(parseSubmit(body({ name: '' })).name).toBe('');
  });

  it.each([
    [4, 4],
    [4.0, 4],
    ['4', 4],
    [' 4 ', 4],
    ['+4', 4],
    ['4.0', 4],
    ['4.000', 4],
    ['007', 7],
    [-3, -3],
    ['-3', -3],
    [0, 0],
    [true, 1],
    [false, 0],
  ])('counts %j as the integer %j', (given, integer) => {
    expect(parseSubmit(withResources({ cpu_cores: given })).cpuCores).toBe(integer);
    expect(parseSubmit(body({ gpu_indices: [given] })).gpuIndices).toEqual([integer]);
  });

  it.each([
    [1.5, 'int_from_float'],
    [2 ** 53, 'int_from_float'],
    [Number.POSITIVE_INFINITY, 'int_from_float'],
    ['', 'int_parsing'],
    ['1.5', 'int_parsing'],
    ['1e3', 'int_parsing'],
    ['0x10', 'int_parsing'],
    ['four', 'int_parsing'],
    ['9'.repeat(400), 'int_parsing'],
    [null, 'int_type'],
    [[1], 'int_type'],
    [{}, 'int_type'],
  ])('refuses %j as an integer: %s', (given, type) => {
    const at = (place: string) => [`${type} body.${place}`];
    expect(problemsOf(() => parseSubmit(withResources({ memory_mb: given })))).toEqual(
      at('resource_requirements.memory_mb'),
    );
    expect(problemsOf(() => parseSubmit(body({ gpu_indices: [0, given] })))).toEqual(at('gpu_indices.1'));
  });

  it.each([
    ...[true, 1, '1', 'true', 'TRUE', 't', 'yes', 'Y', 'on'].map((given) => [given, true] as const),
    ...[false, 0, '0', 'false', 'False', 'f', 'no', 'N', 'off'].map((given) => [given, false] as const),
  ])('reads %j as %j', (given, value) => {
    expect(parseSubmit(body({ exclusive: given })).exclusive).toBe(value);
  });

  it.each([
    ['maybe', 'bool_parsing'],
    ['', 'bool_parsing'],
    [2, 'bool_parsing'],
    [0.5, 'bool_parsing'],
    [null, 'bool_type'],
    [[], 'bool_type'],
  ])('refuses %j as a boolean: %s', (given, type) => {
    expect(problemsOf(() => parseSubmit(body({ exclusive: given })))).toEqual([`${type} body.exclusive`]);
  });

  it.each([
    ['command', 5, 'string_type body.command'],
    ['command', null, 'string_type body.command'],
    ['name', 5, 'string_type body.name'],
    ['venv', [], 'string_type body.venv'],
    ['target_worker', {}, 'string_type body.target_worker'],
    ['gpu_indices', '0,1', 'list_type body.gpu_indices'],
    ['labels', null, 'dict_type body.labels'],
    ['labels', ['a=b'], 'dict_type body.labels'],
    ['labels', { a: 1 }, 'string_type body.labels.a'],
    ['env', { A: null }, 'string_type body.env.A'],
    ['resource_requirements', null, 'model_attributes_type body.resource_requirements'],
    ['resource_requirements', [], 'model_attributes_type body.resource_requirements'],
  ])('refuses %s = %j: %s', (key, value, problem) => {
    expect(problemsOf(() => parseSubmit(body({ [key]: value })))).toEqual([problem]);
  });

  it('says of each required field that it is missing', () => {
    expect(problemsOf(() => parseSubmit({}))).toEqual([
      'missing body.command',
      'missing body.resource_requirements',
    ]);
    const places = ['cpu_cores', 'gpu_units', 'memory_mb'].map(
      (key) => `missing body.resource_requirements.${key}`,
    );
    expect(problemsOf(() => parseSubmit({ command: '', resource_requirements: {} }))).toEqual(places);
  });

  it.each([
    [undefined, 'missing body'],
    [null, 'missing body'],
    [[], 'model_attributes_type body'],
    ['text', 'model_attributes_type body'],
  ])('refuses the body %j', (given, problem) => {
    expect(problemsOf(() => parseSubmit(given))).toEqual([problem]);
  });

  it('lists no more than 100 problems, and only own keys count', () => {
    const labels = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`k${n}`, n]));
    expect(problemsOf(() => parseSubmit(body({ labels })))).toHaveLength(100);
    expect(parseSubmit({ ...body(), __proto__: { name: 'inherited' } }).name).toBeNull();
  });
});

describe('the query', () => {
  it('reads integers, or the default', () => {
    expect(queryInteger({}, 'offset', 7)).toBe(7);
    expect(queryInteger({ offset: '12' }, 'offset', 7)).toBe(12);
    expect(queryInteger({ offset: ['1', '2'] }, 'offset', 7)).toBe(2);
    expect(queryInteger({ offset: '-1' }, 'offset', 7)).toBe(-1);
    expect(problemsOf(() => queryInteger({ offset: '' }, 'offset', 7))).toEqual(['int_parsing query.offset']);
  });

  it('takes the last of a repeated parameter', () => {
    expect(lastOnes({ a: ['1', '2'], b: 'x' })).toEqual({ a: '2', b: 'x' });
  });
});
