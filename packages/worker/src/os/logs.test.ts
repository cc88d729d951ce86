import { randomBytes } from 'node:crypto';
import { readdirSync, statSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AttemptKey } from '../agent/ports.ts';
import type { OsWorkerMachine } from './create.ts';
import { segmentsIn } from './folder.ts';
import { slackOf } from './log-trimmer.ts';
import { readLog } from './logs.ts';
import { Bench, orderFor, SHIMS, textOf, until } from './testing.ts';

const MIB = 1024 * 1024;

describe.each(SHIMS)('a log, shim %s', (shim) => {
  let bench: Bench;
  let machine: OsWorkerMachine;
  beforeEach(async () => {
    bench = new Bench();
    machine = await bench.open({ shim });
  });
  afterEach(() => bench.dispose());
  const folderOf = (key: AttemptKey): string => join(bench.dir, 'instances', `${key.instance}.1`);
  /** Bytes of the disk. */
  const taken = (key: AttemptKey): number =>
    segmentsIn(folderOf(key)).reduce((sum, { path }) => sum + statSync(path).blocks * 512, 0);

  test('over the cap the oldest bytes go, and offsets stay', { timeout: 30_000 }, async (context) => {
    if (machine.supervision.notes.some((note) => note.includes('fallocate')))
      return context.skip('fallocate cannot punch holes here');
    const width = 64;
    const lines = 400_000;
    const order = orderFor(['seq', '-f', `%0${width - 1}.0f`, '1', String(lines)], {
      logCapBytes: 2 * MIB,
    });
    await bench.launch(machine, order);
    await bench.end(order);
    const size = width * lines;
    expect(await machine.logExtent(order)).toEqual({ available: size - 2 * MIB, size });
    await until('trimmed', () => taken(order) <= 2 * MIB + slackOf(2 * MIB) + 4096);
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

  test('is read in parts, to its end and no further', async () => {
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

  test('is heard of by a watcher', async () => {
    let calls = 0;
    const slow = orderFor('until [ -e go ]; do sleep 0.02; done; echo two');
    await bench.launch(machine, slow);
    const watcher = machine.watchLog(slow, () => calls++);
    writeFileSync(join(folderOf(slow), 'work', 'go'), '');
    await until('a call', () => calls > 0);
    await bench.end(slow);
    expect(await textOf(machine, slow)).toBe('two\n');
    watcher.close();
  });

  test('L1: is read on from an offset by the next process of the worker', async () => {
    const order = orderFor('echo one; until [ -e go ]; do sleep 0.01; done; echo two >&2');
    await bench.launch(machine, order);
    await until('one', async () => (await textOf(machine, order)) === 'one\n');
    await machine.close();
    const next = await bench.open({ shim });
    await next.scan();
    writeFileSync(join(folderOf(order), 'work', 'go'), '');
    await bench.end(order);
    expect(Buffer.from(await next.readLog(order, 4, 100)).toString()).toBe('two\n');
    expect(await textOf(next, order)).toBe('one\ntwo\n');
  });

  test('L2: a follower meets every byte while segments come and go', { timeout: 60_000 }, async () => {
    const lines = 300_000;
    const order = orderFor(`seq -f %015.0f 1 ${lines}; sleep 600`, { logCapBytes: 64 * MIB });
    await bench.launch(machine, order);
    let wake = (): void => undefined;
    const watcher = machine.watchLog(order, () => wake());
    const parts: Uint8Array[] = [];
    for (let offset = 0; offset < lines * 16; ) {
      const rung = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const bytes = await machine.readLog(order, offset, 100_000);
      if (bytes.length === 0) await rung;
      parts.push(bytes);
      offset += bytes.length;
    }
    watcher.close();
    const seen = Buffer.concat(parts).toString().trimEnd().split('\n');
    expect(seen).toHaveLength(lines);
    expect(seen.every((line, index) => Number(line) === index + 1)).toBe(true);
    await machine.signal(order, 'SIGKILL');
    await bench.end(order);
  });

  test('L3: takes any bytes as they are: no line end, invalid UTF-8, escapes', async () => {
    const bytes = Buffer.concat([randomBytes(300_000), Buffer.from('\u001b[2J\u0000\u00ff', 'latin1')]);
    const file = join(bench.dir, 'bytes');
    writeFileSync(file, bytes);
    const order = orderFor(['cat', file], { logCapBytes: 4 * MIB });
    await bench.launch(machine, order);
    await bench.end(order);
    const { size } = await machine.logExtent(order);
    expect(Buffer.from(await machine.readLog(order, 0, size)).equals(bytes)).toBe(true);
  });

  test('R13, P13: is complete when its last process has gone', async () => {
    const order = orderFor('setsid sh -c "until [ -e go ]; do sleep 0.01; done; echo late" & exit 0');
    await bench.launch(machine, order);
    await bench.end(order);
    expect(await machine.isEmpty(order)).toBe(false);
    writeFileSync(join(folderOf(order), 'work', 'go'), '');
    await until('empty', () => machine.isEmpty(order));
    expect(await textOf(machine, order)).toBe('late\n');
  });
});

test('segments that were cut short, removed or replaced shift nothing', async () => {
  const bench = new Bench();
  const folder = bench.dir;
  const put = (first: number, text: string) => writeFileSync(join(folder, `log.${first}`), text);
  const read = async (offset: number, limit: number) =>
    Buffer.from(await readLog(folder, offset, limit)).toString('latin1');
  put(10, 'abcdefghij');
  put(20, 'klmnopqrst');
  put(30, 'uvw');
  writeFileSync(join(folder, 'log.07'), 'not one');
  expect(await read(10, 100)).toBe('abcdefghijklmnopqrstuvw');
  expect(await read(18, 5)).toBe('ijklm');
  await expect(read(9, 1)).rejects.toBeInstanceOf(RangeError);
  truncateSync(join(folder, 'log.20'), 3);
  expect(await read(18, 100)).toBe('ijklm\0\0\0\0\0\0\0uvw');
  unlinkSync(join(folder, 'log.10'));
  await expect(read(18, 5)).rejects.toThrow('the log begins at 20; 18 is gone');
  expect(readdirSync(folder)).toContain('log.07');
  await bench.dispose();
});
