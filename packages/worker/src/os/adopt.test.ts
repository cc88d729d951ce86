import { type ChildProcess, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Started } from '../agent/ports.ts';
import { readChecked, writeChecked } from './atomic.ts';
import { childrenOf, readStat } from './process.ts';
import { Bench, kill9, orderFor, spawnWorker, textOf, until } from './testing.ts';

let bench: Bench;
let child: ChildProcess | null = null;
beforeEach(() => {
  bench = new Bench();
});
afterEach(async () => {
  child?.kill('SIGKILL');
  child = null;
  await bench.dispose();
});

const attemptFolder = (instance: string): string => join(bench.dir, 'instances', `${instance}.1`);

describe('after a kill -9 of the worker', () => {
  test('P6: what runs is found with its process and port, and its end is told', {
    timeout: 40_000,
  }, async () => {
    const go = join(bench.dir, 'go');
    const order = orderFor(`echo a; until [ -e ${go} ]; do sleep 0.02; done; echo b; exit 9`);
    bench.cleanUp(order);
    const worker = await spawnWorker('launch', bench.dir, bench.workerId, JSON.stringify(order));
    child = worker.child;
    const started = worker.said as Started;
    await kill9(worker.child);
    const machine = await bench.open();
    const [found] = await machine.scan();
    expect(found).toMatchObject({
      order,
      state: 'running',
      pid: started.pid,
      port: started.port,
      exit: null,
      stop: null,
    });
    expect(Math.abs((found?.startedAtMs ?? 0) - started.startedAtMs)).toBeLessThan(1000);
    expect(await machine.launch(order)).toMatchObject({ pid: started.pid, port: started.port });
    writeFileSync(go, '');
    expect(await bench.end(order)).toMatchObject({ code: 9, signal: null, reason: null });
    await until('empty', () => machine.isEmpty(order));
    expect(await textOf(machine, order)).toBe('a\nb\n');
    expect(bench.ends.get(order.instance)).toHaveLength(1);
  });

  test('P9: what ended meanwhile is found with its code', { timeout: 40_000 }, async () => {
    const go = join(bench.dir, 'go');
    const order = orderFor(`until [ -e ${go} ]; do sleep 0.02; done; exit 4`);
    bench.cleanUp(order);
    const worker = await spawnWorker('launch', bench.dir, bench.workerId, JSON.stringify(order));
    child = worker.child;
    await kill9(worker.child);
    writeFileSync(go, '');
    await until('exit record', () => existsSync(join(attemptFolder(order.instance), 'exit')));
    const machine = await bench.open();
    await until('ended', async () => (await machine.scan())[0]?.state === 'ended');
    const [found] = await machine.scan();
    expect(found).toMatchObject({ state: 'ended', exit: { code: 4, reason: null } });
    expect(bench.ends.size).toBe(0);
  });
});

test('a stop that was noted is found again, and the adopted attempt can be stopped', async () => {
  const first = await bench.open();
  const order = orderFor(['sleep', '600']);
  const { pid } = await bench.launch(first, order);
  await first.noteStop(order, { atMs: 123, graceMs: 456 });
  await first.close();
  const second = await bench.open();
  expect((await second.scan())[0]).toMatchObject({
    state: 'running',
    pid,
    stop: { atMs: 123, graceMs: 456 },
  });
  await second.signal(order, 'SIGTERM');
  expect((await bench.end(order)).code).toBe(143);
  await until('empty', () => second.isEmpty(order));
});

test('P12: a process that took over the number of a shim is neither signalled nor waited for', async () => {
  const stranger = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
  const order = orderFor(['true']);
  const first = await bench.open();
  await bench.run(first, order);
  await first.close();
  const folder = attemptFolder(order.instance);
  const stat = readFileSync(`/proc/${stranger.pid}/stat`, 'utf8').trim().split(' ');
  stat[21] = String(Number(stat[21]) - 1);
  writeFileSync(join(folder, 'started'), `${stat.join(' ')} end\n`);
  truncateSync(join(folder, 'exit'));
  const second = await bench.open({ useCgroups: false });
  expect((await second.scan())[0]).toMatchObject({
    state: 'ended',
    exit: { code: null, reason: { code: 'SUPERVISOR_LOST' } },
  });
  await second.signal(order, 'SIGTERM');
  await second.signal(order, 'SIGKILL');
  expect(await second.isEmpty(order)).toBe(true);
  expect(readStat(stranger.pid ?? 0)?.state).toBe('S');
  const gone = new Promise((resolve) => stranger.once('exit', resolve));
  stranger.kill('SIGKILL');
  await gone;
});

test('P12: a living process that a command names as its shim is not taken for it, and nothing of it is touched', async () => {
  // With a child: whatever descends from a shim counts as the attempt's.
  const stranger = spawn('sh', ['-c', 'sleep 600 & wait'], { detached: true, stdio: 'ignore' });
  const strangerPid = stranger.pid ?? 0;
  await until('it has a child', async () => (childrenOf(strangerPid) ?? []).length === 1);
  const [child = 0] = childrenOf(strangerPid) ?? [];
  const order = orderFor(['sleep', '600']);
  const first = await bench.open();
  const { pid } = await bench.launch(first, order);
  const started = join(attemptFolder(order.instance), 'started');
  await until(
    'its shim has begun',
    async () => existsSync(started) && readFileSync(started, 'utf8').endsWith(' end\n'),
  );
  await first.close();
  const stat = readFileSync(`/proc/${strangerPid}/stat`, 'utf8').trim();
  writeFileSync(started, `${stat} end\n`);
  const second = await bench.open({ useCgroups: false });
  expect((await second.scan())[0]).toMatchObject({ state: 'running', pid });
  await second.signal(order, 'SIGKILL');
  await until('the command is gone', () => second.isEmpty(order));
  expect(readStat(strangerPid)?.state).toBe('S');
  expect(readStat(child)?.state).toBe('S');
  const gone = new Promise((resolve) => stranger.once('exit', resolve));
  process.kill(child, 'SIGKILL');
  await gone;
});

test('P16: after a start of the machine nothing of before is waited for', async () => {
  const order = orderFor(['sleep', '600']);
  const first = await bench.open();
  const { pid } = await bench.launch(first, order);
  await first.close();
  const path = join(attemptFolder(order.instance), 'record.json');
  const record = readChecked(path) as { bootId: string };
  writeChecked(path, { ...record, bootId: 'another' });
  const second = await bench.open();
  expect((await second.scan())[0]).toMatchObject({
    state: 'ended',
    exit: { code: null, reason: { code: 'MACHINE_REBOOTED' } },
  });
  await second.signal(order, 'SIGKILL');
  expect(await second.isEmpty(order)).toBe(true);
  expect(readStat(pid)).not.toBeNull();
  await second.close();
  writeChecked(path, record);
});

test.each([
  ['empty', (_: string) => ''],
  ['truncated', (text: string) => text.slice(0, text.length / 2)],
  ['garbage', (_: string) => '\0\x01\u00ff{"order":'],
  ['changed', (text: string) => text.replace('"cpu":1', '"cpu":2')],
])('D4: a damaged record (%s) is set aside and stops nothing', async (_, damage) => {
  const first = await bench.open();
  const [good, bad] = [orderFor(['true']), orderFor(['true'])];
  await bench.run(first, good);
  await bench.run(first, bad);
  await first.close();
  const path = join(attemptFolder(bad.instance), 'record.json');
  writeFileSync(path, damage(readFileSync(path, 'utf8')));
  const second = await bench.open();
  const found = await second.scan();
  expect(found.map(({ instance }) => instance).sort()).toEqual([good.instance, bad.instance].sort());
  const ended = { state: 'ended', exit: { code: 0 } };
  expect(found).toMatchObject([ended, ended]);
  expect(readdirSync(join(bench.dir, 'damaged'))).toHaveLength(1);
  expect(bench.logger.lines.join()).toContain('a damaged record was set aside');
  // The attempt itself was begun, and is not begun again.
  await second.launch(bad);
  expect(await bench.end(bad)).toMatchObject({ code: 0 });
});

test('P8: an attempt whose shim never began is found as preparing, and begins then', async () => {
  const first = await bench.open();
  const order = orderFor('echo once');
  await bench.launch(first, order);
  await bench.end(order);
  await first.close();
  for (const file of ['started', 'exit', 'log.0'])
    rmSync(join(attemptFolder(order.instance), file), { force: true });
  const second = await bench.open();
  const [found] = await second.scan();
  expect(found).toMatchObject({ state: 'preparing', pid: null, exit: null });
  bench.ends.clear();
  expect((await second.launch(order)).port).toBe(found?.port);
  expect((await bench.end(order)).code).toBe(0);
  expect(await textOf(second, order)).toBe('once\n');
});

test('P8: a folder without a record in which nothing began is removed', async () => {
  const first = await bench.open();
  const order = orderFor(['true']);
  await bench.launch(first, order);
  await bench.end(order);
  await first.close();
  for (const file of ['record.json', 'started', 'exit', 'log.0'])
    rmSync(join(attemptFolder(order.instance), file), { force: true });
  const second = await bench.open();
  expect(await second.scan()).toEqual([]);
  await until('removed', () => !existsSync(attemptFolder(order.instance)));
});

test('what was recorded and has not begun can be withdrawn, what has begun cannot', async () => {
  const first = await bench.open();
  const order = orderFor(['sleep', '600']);
  await bench.launch(first, order);
  expect(await first.withdraw(order)).toBe(false);
  await first.close();
  const other = orderFor(['sleep', '600']);
  const record = readChecked(join(attemptFolder(order.instance), 'record.json')) as Record<string, unknown>;
  mkdirSync(attemptFolder(other.instance));
  writeChecked(join(attemptFolder(other.instance), 'record.json'), { ...record, order: other, cgroup: null });
  const second = await bench.open();
  const states = (await second.scan()).map(({ instance, state }) => [instance, state]);
  expect(Object.fromEntries(states)).toEqual({ [order.instance]: 'running', [other.instance]: 'preparing' });
  expect(await second.withdraw(order)).toBe(false);
  expect(await second.withdraw(other)).toBe(true);
  expect(existsSync(attemptFolder(other.instance))).toBe(false);
});
