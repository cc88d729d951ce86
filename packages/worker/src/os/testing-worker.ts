/** A worker process for tests that kill one: opens a machine, launches an order, says so, and waits to be killed. */
import type { StartOrder } from '@drover/core/wire';
import { SHELL_SHIM } from '../shim/testing.ts';
import { createMachine } from './create.ts';
import { acquireLock } from './lock.ts';
import { MemoryLogger } from './testing.ts';

const [mode, stateDir, workerId, order] = process.argv.slice(2);
if (stateDir === undefined) throw new Error('usage: testing-worker lock|launch DIR [WORKER ORDER]');
acquireLock(stateDir);
let started: unknown = null;
if (mode === 'launch' && workerId !== undefined && order !== undefined) {
  const machine = await createMachine({
    stateDir,
    workerId,
    shimPath: SHELL_SHIM,
    logger: new MemoryLogger(),
  });
  await machine.scan();
  started = await machine.launch(JSON.parse(order) as StartOrder);
}
process.stdout.write(`${JSON.stringify(started)}\n`);
setInterval(() => {}, 60_000);
