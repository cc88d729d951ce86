import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { OsWorkerMachine } from './create.ts';
import { slackOf } from './logs.ts';
import { Bench, orderFor, textOf, until } from './testing.ts';

const MIB = 1024 * 1024;
let bench: Bench;
let machine: OsWorkerMachine;
beforeEach(async () => {
  bench = new Bench();
  machine = await bench.open();
});
afterEach(() => bench.dispose());

test('over the cap the oldest bytes go, and offsets stay', { timeout: 30_000 }, async (context) => {
  if (machine.supervision.notes.some((note) => note.includes('fallocate'))) {
    console.log('skipped: fallocate cannot punch holes here');
    context.skip();
  }
  const width = 64;
  const lines = 400_000;
  const order = orderFor(['seq', '-f', `%0${width - 1}.0f`, '1', String(lines)], { logCapBytes: 2 * MIB });
  await bench.launch(machine, order);
  await bench.end(order);
  const size = width * lines;
  expect(await machine.logExtent(order)).toEqual({ available: size - 2 * MIB, size });
  const file = join(bench.dir, 'instances', `${order.instance}.1`, 'log.0');
  await until('trimmed', () => statSync(file).blocks * 512 <= 2 * MIB + slackOf(2 * MIB) + 4096);
  const whole = await textOf(machine, order);
  expect(whole.length).toBe(2 * MIB);
  const first = (size - 2 * MIB) / width + 1;
  const expected = Array.from(
    { length: (2 * MIB) / width },
    (_, i) => `${String(first + i).padStart(width - 1, '0')}\n`,
  );
  expect(whole).toBe(expected.join(''));
  await expect(machine.readLog(order, 0, 10)).rejects.toBeInstanceOf(RangeError);
});

test('a log is read in parts, to its end and no further', async () => {
  const order = orderFor('printf abcdef');
  await bench.run(machine, order);
  const read = async (offset: number, limit: number) =>
    Buffer.from(await machine.readLog(order, offset, limit)).toString();
  expect([await read(0, 3), await read(3, 100), await read(6, 100), await read(1, 200_000)]).toEqual([
    'abc',
    'def',
    '',
    'bcdef',
  ]);
});

test('a watcher hears of what is written', async () => {
  let calls = 0;
  const slow = orderFor('until [ -e go ]; do sleep 0.02; done; echo two');
  await bench.launch(machine, slow);
  const watcher = machine.watchLog(slow, () => calls++);
  const work = join(bench.dir, 'instances', `${slow.instance}.1`, 'work');
  writeFileSync(join(work, 'go'), '');
  await until('a call', () => calls > 0);
  await bench.end(slow);
  expect(await textOf(machine, slow)).toBe('two\n');
  watcher.close();
});

test('a log is kept after the end, over a restart', async () => {
  const order = orderFor('echo out; echo err >&2');
  await bench.run(machine, order);
  await machine.close();
  const next = await bench.open();
  await next.scan();
  expect(await textOf(next, order)).toBe('out\nerr\n');
});
