import { expect, it } from 'vitest';
import type { Actor } from '../actor.ts';
import { mergeLogs } from './merge.ts';
import type { LogService } from './service.ts';
import { tailLines } from './tail.ts';

const KIB = 1024;
const ACTOR = { kind: 'person', name: 'test', project: 'default' } as Actor;
const abort = { aborted: false, onAbort: () => undefined };

/** A log that comes in these chunks. */
const logOf = (chunks: readonly string[]) =>
  ({
    readWhenThere: async () => ({
      bytes: (async function* () {
        for (const chunk of chunks) yield Buffer.from(chunk);
      })(),
    }),
  }) as unknown as LogService;

it('a line without an end is cut into lines, so that the last ones are small', async () => {
  const logs = logOf(Array.from({ length: 300 }, () => 'x'.repeat(16 * KIB)));
  const merged = mergeLogs(logs, ACTOR, [{ id: 'a', prefix: '(t) ' }], { follow: false, abort });
  let size = 0;
  for await (const part of tailLines(merged, 2)) size += part.length;
  expect(size).toBe(2 * (64 * KIB + '(t) \n'.length));
});

it('a tail of more lines than fit has the last of them', async () => {
  const chunks = (async function* () {
    for (let at = 0; at < 100; at++) yield Buffer.from(`${String(at).padStart(9, '0')}\n`);
  })();
  let text = '';
  for await (const part of tailLines(chunks, 90, 200)) text += Buffer.from(part).toString();
  expect(text.split('\n')).toHaveLength(21);
  expect(text).toMatch(/^000000080\n(.*\n){18}000000099\n$/);
});
