import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addResources,
  DroverError,
  ERROR_CATALOGUE,
  type ErrorCode,
  IllegalTransition,
  INSTANCE_STATUSES,
  INSTANCE_TABLE,
  isDroverError,
  isFinal,
  isoStamp,
  nextInstanceStatus,
  nextReservationStatus,
  nextWorkerStatus,
  parseName,
  parseSizeMiB,
  RESERVATION_TABLE,
  subtractResources,
  WORKER_TABLE,
} from './index.ts';

describe('names', () => {
  it.each(['a', 'web-1', 'Zürich 2', '名前', 'a.b:c_d-e', `${'x'.repeat(128)}`, 'e\u0301te'])(
    'takes %j',
    (name) => {
      expect(parseName(name)).toBe(name.normalize('NFC'));
    },
  );
  it.each([
    '',
    ' a',
    'a ',
    '.hidden',
    '-x',
    ':x',
    '_x',
    '../x',
    'a/b',
    'a\u0000',
    'a\nb',
    'a\u202eb',
    'a😀',
    'x'.repeat(129),
    'a\tb',
  ])('refuses %j', (name) => {
    expect(parseName(name)).toBeNull();
  });
  it('never returns a name that it would refuse', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
        const name = parseName(text);
        expect(name === null || parseName(name) === name).toBe(true);
      }),
    );
  });
});

describe('sizes', () => {
  it.each([
    ['512', 512],
    ['512MiB', 512],
    ['8GiB', 8192],
    ['8g', 8192],
    ['1.5 GiB', 1536],
    ['1T', 1048576],
    ['1KiB', 1],
  ])('reads %s as %d MiB', (text, size) => {
    expect(parseSizeMiB(text)).toBe(size);
  });
  it.each(['', 'x', '-1', '1XB', '1e3', 'NaN', 'Infinity', '1 2', '9'.repeat(20)])('refuses %j', (text) => {
    expect(parseSizeMiB(text)).toBeNull();
  });
});

describe('resources', () => {
  it('adds cores without drifting: what was added can be taken away to nothing', () => {
    const cores = fc.integer({ min: 0, max: 100_000 }).map((milli) => milli / 1000);
    fc.assert(
      fc.property(fc.array(cores, { maxLength: 50 }), (list) => {
        const each = list.map((cpu) => ({ cpu, memoryMiB: 1, diskMiB: 2, gpus: 1, ports: 1 }));
        const zero = { cpu: 0, memoryMiB: 0, diskMiB: 0, gpus: 0, ports: 0 };
        expect(each.reduce(subtractResources, each.reduce(addResources, zero))).toEqual(zero);
      }),
    );
  });
});

describe('state machines', () => {
  it('leave no final state', () => {
    for (const status of INSTANCE_STATUSES) {
      if (isFinal(status))
        expect(Object.values(INSTANCE_TABLE[status]).every((next) => next === null)).toBe(true);
    }
    expect(Object.values(RESERVATION_TABLE.RELEASED)).toEqual([null, null]);
  });
  it('reach every state from the first, and an end from every state', () => {
    const reach = (from: string, table: Record<string, Record<string, string | null>>): Set<string> => {
      const seen = new Set([from]);
      for (const state of seen)
        for (const next of Object.values(table[state] ?? {})) if (next !== null) seen.add(next);
      return seen;
    };
    expect([...reach('PENDING', INSTANCE_TABLE)].sort()).toEqual([...INSTANCE_STATUSES].sort());
    for (const status of INSTANCE_STATUSES)
      expect([...reach(status, INSTANCE_TABLE)].some((state) => isFinal(state as never))).toBe(true);
    expect(reach('ONLINE', WORKER_TABLE)).toEqual(new Set(['ONLINE', 'SUSPECT', 'OFFLINE']));
  });
  it('say an illegal move aloud', () => {
    expect(() => nextInstanceStatus('COMPLETED', 'start')).toThrow(IllegalTransition);
    expect(() => nextInstanceStatus('PENDING', 'complete')).toThrow('"complete" is illegal in state PENDING');
    expect(() => nextReservationStatus('RELEASED', 'hold')).toThrow(IllegalTransition);
    expect(() => nextWorkerStatus('OFFLINE', 'doubt')).toThrow(IllegalTransition);
  });
  it('let a fast command end before its start was heard of', () => {
    expect(nextInstanceStatus('ASSIGNED', 'complete')).toBe('COMPLETED');
    expect(nextInstanceStatus('ASSIGNED', 'fail')).toBe('FAILED');
  });
});

describe('errors', () => {
  it('are known across copies of the package, by their mark and not their class', () => {
    const mark = Symbol.for('drover.error');
    expect(isDroverError(new DroverError('INTERNAL'))).toBe(true);
    expect(isDroverError({ [mark]: true })).toBe(true);
    expect(isDroverError(new Error('x'))).toBe(false);
  });
  it('fill their message from their details, and each has a status that fits its retry', () => {
    expect(new DroverError('NAME_TAKEN', { name: 'web', ref: 'i1' }).message).toBe(
      'the name "web" is in use by instance i1',
    );
    for (const code of Object.keys(ERROR_CATALOGUE) as ErrorCode[]) {
      const error = new DroverError(code);
      expect(error.status).toBeGreaterThanOrEqual(400);
      if (error.status === 503 || error.status === 429) expect(error.retry, code).toBe(true);
    }
  });
});

describe('isoStamp', () => {
  it('agrees with the platform on every moment', () => {
    fc.assert(
      fc.property(fc.integer({ min: Date.UTC(1, 0, 1), max: Date.UTC(9999, 11, 31) }), (ms) => {
        const stamp = isoStamp(ms);
        expect(new Date(stamp).getTime()).toBe(ms);
        expect(stamp).toHaveLength(24);
      }),
    );
    expect(isoStamp(Date.UTC(2028, 1, 29, 23, 59, 59, 999))).toBe('2028-02-29T23:59:59.999Z');
  });
});
