import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { OsWorkerMachine } from './create.ts';
import { readStat } from './process.ts';
import { Bench, orderFor, textOf, until, VARIANTS } from './testing.ts';

const isGone = (pid: number): boolean => ['Z', 'X', undefined].includes(readStat(pid)?.state);

describe.each(VARIANTS)('stopping, shim $shim, cgroups used: $useCgroups', (variant) => {
  let bench: Bench;
  let machine: OsWorkerMachine;
  beforeEach(async () => {
    bench = new Bench();
    machine = await bench.open(variant);
  });
  afterEach(() => bench.dispose());

  test('a command gets SIGTERM and may say goodbye', async () => {
    const order = orderFor(`trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.01; done`);
    await bench.launch(machine, order);
    await until('ready', async () => (await textOf(machine, order)).startsWith('ready'));
    await machine.signal(order, 'SIGTERM');
    expect((await bench.end(order)).code).toBe(5);
    expect(await textOf(machine, order)).toContain('bye');
  });

  test('a command that stops its own supervisor still has its end told', async () => {
    const order = orderFor('kill -STOP $PPID; echo on; exit 5');
    await bench.launch(machine, order);
    expect((await bench.end(order)).code).toBe(5);
    expect(await textOf(machine, order)).toContain('on');
  });

  test('a signal right after the start is not lost, and its end has a record', async () => {
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const orders = Array.from({ length: 5 }, () => orderFor(['sleep', '600']));
      await Promise.all(
        orders.map(async (order) => {
          await bench.launch(machine, order);
          await machine.signal(order, signal);
        }),
      );
      for (const order of orders) {
        expect(await bench.end(order)).toMatchObject({
          code: signal === 'SIGTERM' ? 143 : 137,
          reason: null,
        });
      }
    }
  });

  test('P14: what ignores SIGTERM is killed, and the end is recorded as 137', async () => {
    const order = orderFor(`trap '' TERM INT HUP; echo ready; while :; do sleep 0.01; done`);
    await bench.launch(machine, order);
    await until('ready', async () => (await textOf(machine, order)) === 'ready\n');
    await machine.signal(order, 'SIGTERM');
    expect(await machine.isEmpty(order)).toBe(false);
    await machine.signal(order, 'SIGKILL');
    expect(await bench.end(order)).toMatchObject({ code: 137, reason: null });
    await until('empty', () => machine.isEmpty(order));
  });

  test('P13: a descendant in a session of its own is found after the end, and killed', async () => {
    const order = orderFor('setsid sh -c "echo \\$\\$; exec sleep 600" & wait -n; sleep 0.1; exit 0');
    await bench.launch(machine, order);
    const stray = await until('pid', async () => Number((await textOf(machine, order)).trim()) || null);
    await machine.signal(order, 'SIGTERM');
    await bench.end(order);
    await until('stray gone', () => isGone(stray));
    await until('empty', () => machine.isEmpty(order));
  });

  test('P13: the end comes before the group is empty', async () => {
    const order = orderFor('setsid sleep 600 & echo $!; exit 3');
    await bench.launch(machine, order);
    expect((await bench.end(order)).code).toBe(3);
    const stray = Number((await textOf(machine, order)).trim());
    expect(isGone(stray)).toBe(false);
    expect(await machine.isEmpty(order)).toBe(false);
    await machine.signal(order, 'SIGKILL');
    await until('empty', () => machine.isEmpty(order));
    expect(isGone(stray)).toBe(true);
  });

  test('many that fork all the time are all killed', async () => {
    const order = orderFor(
      'for i in 1 2 3 4; do (while :; do sleep 0.01 & wait; done) & done; echo ready; wait',
    );
    await bench.launch(machine, order);
    await until('ready', async () => (await textOf(machine, order)) === 'ready\n');
    await machine.signal(order, 'SIGKILL');
    expect((await bench.end(order)).code).toBe(137);
    await until('empty', async () => {
      await machine.signal(order, 'SIGKILL');
      return machine.isEmpty(order);
    });
  });

  test('a chain in which each forks the next and ends at once is killed', async () => {
    const order = orderFor(['sh', '-c', 'f() { f & exit; }; echo ready; f']);
    await bench.launch(machine, order);
    await until('ready', async () => (await textOf(machine, order)) === 'ready\n');
    await until('empty', async () => {
      await machine.signal(order, 'SIGKILL');
      return machine.isEmpty(order);
    });
    await bench.end(order);
  });

  test('P10: a shim that is killed leaves an end without a code, and members that can be killed', async () => {
    const order = orderFor('echo $$; sleep 600');
    const { pid } = await bench.launch(machine, order);
    const member = await until('pid', async () => Number((await textOf(machine, order)).trim()) || null);
    process.kill(pid, 'SIGKILL');
    expect(await bench.end(order)).toMatchObject({ code: null, reason: { code: 'SUPERVISOR_LOST' } });
    expect(await machine.isEmpty(order)).toBe(false);
    await machine.signal(order, 'SIGKILL');
    await until('empty', () => machine.isEmpty(order));
    expect(isGone(member)).toBe(true);
  });
});
