import * as wire from '@drover/core/wire';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import * as own from './protocol.ts';

const id = '0f8fad5b-d9cb-469f-a165-70867728950e';
const ref = { instance: id, attempt: 1 };
const order = {
  ...ref,
  name: null,
  command: ['a', 'b'],
  env: { A: '1' },
  venv: null,
  workdir: '/w',
  gpuIndices: [0, 1],
  cpu: 0.5,
  memoryMiB: 1,
  graceMs: 0,
  logCapBytes: 1,
};
const atHome = {
  ...order,
  home: 'c-1.0_a',
  files: [{ tree: 'ab'.repeat(32), target: '~/workdir' }],
  context: { DROVER_JOB_ID: '1' },
  removeHome: false,
};
const frames = [
  { type: 'welcome', workerId: id, pingMs: 1, leaseMs: 2, sendInventory: true },
  { type: 'start', order },
  { type: 'start', order: atHome },
  { type: 'start', order: { ...order, command: 'a', name: 'n', venv: '/v', workdir: null, gpuIndices: [] } },
  { type: 'stop', ...ref, graceMs: 0 },
  { type: 'forget', ...ref },
  { type: 'unknown', ...ref },
  { type: 'pong', sentMs: 0.5 },
  { type: 'sendLog', ...ref, ticket: 't', offset: -1, limit: null, follow: false },
  { type: 'sendLog', ...ref, ticket: 't', offset: 1, limit: 5, follow: true },
];
const message = { herd: id, epoch: 1, rev: 0, frames };

/** Every way to the values in it, outermost first. */
function pathsIn(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, inner]) => pathsIn(inner, [...path, key]))];
}

/** A copy of the message in which one value is another, or is missing (undefined). */
function changed(path: readonly string[], to: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return to;
  const copy = structuredClone(message) as unknown;
  let at = copy as Record<string, unknown>;
  let last = key;
  for (const next of rest) {
    at = at[last] as Record<string, unknown>;
    last = next;
  }
  if (to === undefined && !Array.isArray(at)) delete at[last];
  else at[last] = to;
  return copy;
}

const odd = [undefined, null, true, '', 'x', id, id.toUpperCase(), -1, 0, 1, 1.5, 2 ** 53, Number.NaN];
const odder = [
  Number.POSITIVE_INFINITY,
  [],
  [1],
  ['a'],
  [null],
  {},
  { a: 1 },
  { a: 'b' },
  'start',
  'toString',
];

test('the constants are those of the wire', () => {
  expect(wire).toMatchObject({
    LINK_PROTOCOL: own.LINK_PROTOCOL,
    LINK_MESSAGE_BYTES: own.LINK_MESSAGE_BYTES,
    INLINE_LOG_BYTES: own.INLINE_LOG_BYTES,
    LINK_CLOSE: own.LINK_CLOSE,
  });
  const fact = { instance: id, attempt: 2, phase: 'EXITED' as const };
  expect(own.digestLine(fact)).toBe(wire.digestLine(fact));
});

test('a message of every kind passes, whatever else is in it', () => {
  expect(own.isHeadMessage(message)).toBe(true);
  expect(own.isHeadMessage({ ...message, more: 1 })).toBe(true);
});

test('whatever takes the place of any value, the check says what the schema says', () => {
  const differing: unknown[] = [];
  for (const path of pathsIn(message)) {
    for (const value of [...odd, ...odder]) {
      const candidate = changed(path, value);
      const wanted = wire.headMessage.safeParse(candidate).success;
      if (own.isHeadMessage(candidate) !== wanted) differing.push({ path, value, wanted });
    }
  }
  expect(differing).toEqual([]);
});

test('an order with any value anywhere: the check says what the schema says', () => {
  const field = fc.constantFrom(...Object.keys(atHome));
  fc.assert(
    fc.property(field, fc.jsonValue(), (key, value) => {
      const candidate = { ...order, [key]: value };
      return own.isStartOrder(candidate) === wire.startOrder.safeParse(candidate).success;
    }),
    { numRuns: 2000 },
  );
});
