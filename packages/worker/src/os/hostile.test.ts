/** What an instance, or a disk, may do to the folder of an attempt. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AttemptKey } from '../agent/ports.ts';
import { readStat } from './process.ts';
import { Bench, orderFor, textOf, until, VARIANTS } from './testing.ts';

const isGone = (pid: number): boolean => ['Z', 'X', undefined].includes(readStat(pid)?.state);
let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});
afterEach(() => bench.dispose());

const folderOf = (key: AttemptKey): string => join(bench.dir, 'instances', `${key.instance}.1`);
const inFolder = (key: AttemptKey, name: string): string => join(folderOf(key), name);

describe.each(VARIANTS)('shim $shim, cgroups used: $useCgroups', (variant) => {
  test('D4: with its record damaged, what runs is found, its end told, and it can be stopped', async () => {
    const first = await bench.open(variant);
    const order = orderFor(`trap 'echo bye; exit 5' TERM; echo on; while :; do sleep 0.01; done`, {
      name: 'web',
    });
    const { pid, port } = await bench.launch(first, order);
    await until('on', async () => (await textOf(first, order)) === 'on\n');
    await first.close();
    writeFileSync(inFolder(order, 'record.json'), 'x');
    const second = await bench.open(variant);
    expect(await second.scan()).toMatchObject([
      { instance: order.instance, state: 'running', pid, port, order: { name: 'web', graceMs: 30_000 } },
    ]);
    expect(readdirSync(join(bench.dir, 'damaged'))).toHaveLength(1);
    await second.signal(order, 'SIGTERM');
    expect(await bench.end(order)).toMatchObject({ code: 5, reason: null });
    expect(await textOf(second, order)).toMatch(/^on\n.*bye\n$/s);
    await until('empty', () => second.isEmpty(order));
    await second.release(order);
    await second.remove(order);
    expect(existsSync(folderOf(order))).toBe(false);
  });

  test('D4: with its record removed, what ended is found with its code and log', async () => {
    const first = await bench.open(variant);
    const order = orderFor('echo out; exit 6');
    await bench.run(first, order);
    await first.close();
    rmSync(inFolder(order, 'record.json'));
    const second = await bench.open(variant);
    expect(await second.scan()).toMatchObject([{ state: 'ended', exit: { code: 6 } }]);
    expect(await textOf(second, order)).toBe('out\n');
  });

  test.each(['empty', 'garbled', 'a pipe', 'removed'])(
    'D4: with `started` %s, nothing is empty that lives, and it is ended with its code',
    async (damage) => {
      const first = await bench.open(variant);
      const order = orderFor('echo $$; exec sleep 600');
      const { pid } = await bench.launch(first, order);
      const member = await until('pid', async () => Number((await textOf(first, order)).trim()) || null);
      await first.close();
      const started = inFolder(order, 'started');
      if (damage === 'empty') truncateSync(started);
      else if (damage === 'garbled') writeFileSync(started, 'garbage');
      else rmSync(started);
      if (damage === 'a pipe') execFileSync('mkfifo', [started]);
      const second = await bench.open(variant);
      expect(await second.scan()).toMatchObject([{ state: 'running', pid }]);
      expect(await second.isEmpty(order)).toBe(false);
      await second.signal(order, 'SIGKILL');
      expect(await bench.end(order)).toMatchObject({ code: 137, reason: null });
      await until('empty', () => second.isEmpty(order));
      expect([isGone(member), isGone(pid)]).toEqual([true, true]);
    },
  );

  test('P11: with `started` garbled and no shim, its members are found and killed', async () => {
    const first = await bench.open(variant);
    const order = orderFor('setsid sleep 600 & echo $!; exec sleep 600');
    const { pid } = await bench.launch(first, order);
    const member = await until('pid', async () => Number((await textOf(first, order)).trim()) || null);
    await first.close();
    process.kill(pid, 'SIGKILL');
    await until('the shim is gone', () => isGone(pid));
    writeFileSync(inFolder(order, 'started'), 'garbage');
    const second = await bench.open(variant);
    expect(await second.scan()).toMatchObject([{ state: 'ended', exit: { code: null } }]);
    expect(await second.isEmpty(order)).toBe(false);
    await second.signal(order, 'SIGKILL');
    await until('empty', () => second.isEmpty(order));
    expect(isGone(member)).toBe(true);
  });

  test.each(['kill -STOP 0', 'kill -STOP $PPID'])('what stops its shim (%s) can be stopped', async (how) => {
    const machine = await bench.open(variant);
    const order = orderFor(`${how}; sleep 600`);
    const { pid } = await bench.launch(machine, order);
    await until('the shim is stopped', () => readStat(pid)?.state === 'T');
    await machine.signal(order, 'SIGTERM');
    expect(await bench.end(order)).toMatchObject({ code: 143, reason: null });
  });

  test('a stopped member gets to act on SIGTERM, and a stopped shim tells of a SIGKILL', async () => {
    const machine = await bench.open(variant);
    const stopped = orderFor(`trap 'exit 4' TERM; echo $$; kill -STOP $$; while :; do sleep 0.01; done`);
    await bench.launch(machine, stopped);
    const member = await until('pid', async () => Number((await textOf(machine, stopped)).trim()) || null);
    await until('it is stopped', () => readStat(member)?.state === 'T');
    await machine.signal(stopped, 'SIGTERM');
    expect((await bench.end(stopped)).code).toBe(4);
    const killed = orderFor(`trap '' TERM; kill -STOP $PPID; while :; do sleep 0.01; done`);
    const { pid } = await bench.launch(machine, killed);
    await until('the shim is stopped', () => readStat(pid)?.state === 'T');
    await machine.signal(killed, 'SIGKILL');
    expect((await bench.end(killed)).code).toBe(137);
  });
});

test.each(['mkdir ../exit', 'mkdir -p ../exit/deep', 'mkfifo ../exit', 'ln -s /dev/null ../exit'])(
  'a command that lays something else at the place of its exit record (%s) still ends',
  async (how) => {
    const machine = await bench.open();
    const order = orderFor(`${how}; exit 3`);
    await bench.launch(machine, order);
    expect(await bench.end(order)).toMatchObject({ code: 3, reason: null });
  },
);

test.each(['record.json', 'started', 'exit', 'stop.json', 'end.json', 'log.0'])(
  'a folder, a pipe or a link at the place of `%s` keeps no worker from starting',
  async (name) => {
    const first = await bench.open();
    const good = orderFor('exit 2');
    const bad = ['folder', 'pipe', 'link'].map((kind) => ({ kind, order: orderFor('exit 9') }));
    await bench.run(first, good);
    for (const { order } of bad) await bench.run(first, order);
    await first.close();
    for (const { kind, order } of bad) {
      const path = inFolder(order, name);
      rmSync(path, { force: true });
      if (kind === 'folder') mkdirSync(path);
      else if (kind === 'pipe') execFileSync('mkfifo', [path]);
      else symlinkSync('loop', path);
    }
    const second = await bench.open();
    const found = new Map((await second.scan()).map((each) => [each.instance, each]));
    expect(found.get(good.instance)).toMatchObject({ state: 'ended', exit: { code: 2 } });
    const code = name === 'exit' ? null : 9;
    for (const { order } of bad) {
      expect(found.get(order.instance)).toMatchObject({ state: 'ended', exit: { code } });
      await second.noteStop(order, { atMs: 1, graceMs: 2 });
      expect(await textOf(second, order)).toBe('');
      await second.release(order);
      await second.remove(order);
      expect(existsSync(folderOf(order))).toBe(false);
    }
  },
);

test('a log that is replaced by a folder reads as empty, with a message', async () => {
  const machine = await bench.open();
  // The native shim makes the log with the first bytes that it reads, which is after they were written.
  const order = orderFor('echo out; until rm ../log.0 2>/dev/null; do sleep 0.01; done; mkdir ../log.0');
  await bench.run(machine, order);
  expect(await machine.logExtent(order)).toEqual({ available: 0, size: 0 });
  expect(await machine.readLog(order, 0, 100)).toHaveLength(0);
  expect(await machine.readLog(order, 0, 1_000_000)).toHaveLength(0);
  await machine.release(order);
  expect(bench.logger.lines.filter((line) => line.includes('not a regular file'))).toHaveLength(1);
});

test('what a removal or a start that was cut short left is swept away', async () => {
  const machine = await bench.open();
  const [cut, bare, draft] = [orderFor('true'), orderFor('true'), orderFor('true')];
  mkdirSync(join(`${folderOf(cut)}.123.removed`, 'work', 'deep'), { recursive: true });
  mkdirSync(inFolder(bare, join('work', 'deep')), { recursive: true });
  mkdirSync(folderOf(draft));
  writeFileSync(inFolder(draft, 'record.json.1.1.tmp'), 'x');
  expect(await machine.scan()).toEqual([]);
  await until('swept', () => readdirSync(join(bench.dir, 'instances')).length === 0);
});

test('what leaves its cgroup and its session is found when its instance ends, and ended', async (context) => {
  const machine = await bench.open();
  if (machine.supervision.cgroup === 'none' || process.getuid?.() !== 0) context.skip();
  const root = machine.supervision.cgroup === 'v1' ? '/sys/fs/cgroup/memory' : '/sys/fs/cgroup';
  if (!existsSync(join(root, 'cgroup.procs'))) context.skip();
  const leaver = orderFor(`setsid sh -c 'echo 0 >${root}/cgroup.procs; echo $$; exec sleep 600' & sleep 600`);
  await bench.launch(machine, leaver);
  const pid = await until('pid', async () => Number((await textOf(machine, leaver)).trim()) || null);
  await machine.signal(leaver, 'SIGTERM');
  await bench.end(leaver);
  expect(await machine.isEmpty(leaver)).toBe(false);
  await machine.signal(leaver, 'SIGKILL');
  await until('empty', () => machine.isEmpty(leaver));
  expect(isGone(pid)).toBe(true);
});

test('a listener that throws ends nothing', async () => {
  const machine = await bench.open();
  machine.onEnd(() => {
    throw new Error('from a listener');
  });
  const order = orderFor('exit 8');
  await bench.launch(machine, order);
  expect((await bench.end(order)).code).toBe(8);
  await until('logged', () => bench.logger.lines.some((line) => line.includes('from a listener')));
});
