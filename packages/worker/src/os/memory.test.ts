import { afterEach, beforeEach, expect, test } from 'vitest';
import type { OsWorkerMachine } from './create.ts';
import { Bench, orderFor } from './testing.ts';

let bench: Bench;
let machine: OsWorkerMachine;
beforeEach(async () => {
  bench = new Bench();
  machine = await bench.open();
});
afterEach(() => bench.dispose());

const HOG = `const kept = []; for (;;) kept.push(Buffer.alloc(4 << 20, 1));`;

test('R1: what exceeds its memory is ended, with limit and peak told, also after a restart', {
  timeout: 30_000,
}, async (context) => {
  if (!machine.supervision.memoryEnforced) {
    console.log(`skipped: ${machine.supervision.notes.join('; ')}`);
    context.skip();
  }
  const order = orderFor([process.execPath, '-e', HOG], { memoryMiB: 96 });
  const { end } = await bench.run(machine, order);
  expect(end).toMatchObject({ code: 137, reason: { code: 'OUT_OF_MEMORY' } });
  expect(end.reason?.message).toMatch(/the limit is 96 MiB, peak 9[4-6] MiB/);
  await machine.release(order);
  await machine.close();
  const next = await bench.open();
  expect((await next.scan())[0]?.exit).toEqual(end);
});

test('R1: a command that fails or is killed within its memory has no such reason', async () => {
  const { end } = await bench.run(machine, orderFor('exit 1', { memoryMiB: 64 }));
  expect(end).toMatchObject({ code: 1, reason: null });
  const killed = await bench.run(machine, orderFor('kill -9 $$', { memoryMiB: 64 }));
  expect(killed.end).toMatchObject({ code: 137, reason: null });
});
