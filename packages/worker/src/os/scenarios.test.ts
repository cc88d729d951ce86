/** Faults by their number in the catalogue, where they need more than one part of this layer. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SHELL_SHIM, smallDisk } from '../shim/testing.ts';
import { createMachine, protectFromOutOfMemory } from './create.ts';
import { Bench, MemoryLogger, orderFor, SHIMS, textOf, until } from './testing.ts';

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});
afterEach(() => bench.dispose());

const attemptFolder = (instance: string): string => join(bench.dir, 'instances', `${instance}.1`);

describe.each(SHIMS)('shim %s', (shim) => {
  /** What a worker that was killed at each step of a start leaves, in the order in which it comes to be. */
  test.each(['folder', 'record', 'started'])(
    'P8: a worker killed after it made the %s starts it once, or not at all',
    async (step) => {
      const first = await bench.open({ shim });
      const order = orderFor('echo once');
      await bench.run(first, order);
      await first.close();
      const folder = attemptFolder(order.instance);
      const made = {
        folder: ['work'],
        record: ['work', 'record.json'],
        started: ['work', 'record.json', 'started'],
      };
      for (const name of readdirSync(folder))
        if (!made[step as keyof typeof made].includes(name)) rmSync(join(folder, name), { recursive: true });
      bench.ends.clear();
      const second = await bench.open({ shim });
      const states = (await second.scan()).map(({ state }) => state);
      expect(states).toEqual({ folder: [], record: ['preparing'], started: ['ended'] }[step]);
      if (step === 'folder')
        await until('swept', () => readdirSync(join(bench.dir, 'instances')).length === 0);
      if (step === 'started') {
        expect((await second.scan())[0]?.exit).toMatchObject({
          code: null,
          reason: { code: 'SUPERVISOR_LOST' },
        });
        await expect(second.launch(order)).resolves.toBeDefined();
        expect(await textOf(second, order)).toBe('');
        return;
      }
      await second.launch(order);
      expect((await bench.end(order)).code).toBe(0);
      expect(await textOf(second, order)).toBe('once\n');
    },
  );

  test('R2: a command is a likelier victim of the out-of-memory killer than the worker and its shim', async (context) => {
    const before = readFileSync('/proc/self/oom_score_adj', 'utf8');
    if (!protectFromOutOfMemory()) return context.skip('the score may not be lowered here');
    try {
      const machine = await bench.open({ shim });
      const order = orderFor('cat /proc/self/oom_score_adj; exec sleep 600');
      const { pid } = await bench.launch(machine, order);
      await until('score', async () => (await textOf(machine, order)) === '0\n');
      expect(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8')).toBe('-500\n');
      await machine.signal(order, 'SIGKILL');
      await bench.end(order);
    } finally {
      writeFileSync('/proc/self/oom_score_adj', before);
    }
  });

  test('R10: the port of an instance is not released while something of it listens there', async () => {
    const machine = await bench.open({ shim });
    const order = orderFor('sleep 600');
    const { port } = await bench.launch(machine, order);
    const server = await new Promise<Server>((resolve) => {
      const made = createServer().listen(port, () => resolve(made));
    });
    // The worker looks each second who listens.
    await until('seen', async () => !(await machine.isReleased(order)));
    await machine.signal(order, 'SIGKILL');
    await bench.end(order);
    await until('empty', () => machine.isEmpty(order));
    expect(await machine.isReleased(order)).toBe(false);
    await new Promise((resolve) => server.close(resolve));
    await until('released', () => machine.isReleased(order));
  });

  test('D2: a full disk refuses starts with the reason, touches nothing that runs, and starts work again', async (context) => {
    const dir = join(bench.dir, 'disk');
    const disk = smallDisk(dir);
    if (disk === null) return context.skip('no tmpfs can be mounted here');
    try {
      const options = { stateDir: dir, workerId: bench.workerId, shimPath: SHELL_SHIM, shim };
      const machine = await createMachine({ ...options, logger: new MemoryLogger() });
      const ends = new Map<string, number | null>();
      machine.onEnd((key, end) => ends.set(key.instance, end.code));
      const go = join(bench.dir, 'go');
      const runs = orderFor(`echo on; until [ -e ${go} ]; do sleep 0.01; done; echo done; exit 3`);
      await machine.launch(runs);
      await until('on', async () => (await textOf(machine, runs)) === 'on\n');
      disk.fill();
      const refused = orderFor('true');
      await expect(machine.launch(refused)).rejects.toMatchObject({
        code: 'START_FAILED',
        message: expect.stringContaining('ENOSPC'),
      });
      expect(await machine.isEmpty(runs)).toBe(false);
      disk.free();
      await machine.launch(refused);
      writeFileSync(go, '');
      await until('both ends', () => ends.size === 2);
      expect([ends.get(refused.instance), ends.get(runs.instance)]).toEqual([0, 3]);
      expect(await textOf(machine, runs)).toBe('on\ndone\n');
      for (const order of [runs, refused]) {
        await until('empty', () => machine.isEmpty(order));
        await machine.release(order);
      }
      await machine.close();
    } finally {
      disk.unmount();
    }
  });
});
