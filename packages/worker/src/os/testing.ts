/** What the tests of this folder share: a machine on a folder of its own, orders, and waiting for a level. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { StartOrder } from '@drover/core/wire';
import type { AttemptKey, Logger } from '../agent/ports.ts';
import { nativeShim, SHELL_SHIM } from '../shim/testing.ts';
import type { End } from './attempt.ts';
import { createMachine, type MachineOptions, type OsWorkerMachine } from './create.ts';

/** Each shim that can be had here. */
export const SHIMS = (['native', 'sh'] as const).filter(
  (shim) => shim === 'sh' || nativeShim().path !== null,
);

/** With cgroups and without; of shim.sh only the weaker one where there is another shim. */
export const VARIANTS = [true, false].flatMap((useCgroups) =>
  SHIMS.filter((shim) => shim === 'native' || !useCgroups || SHIMS.length === 1).map((shim) => ({
    shim,
    useCgroups,
  })),
);

/** Keeps what was logged. */
export class MemoryLogger implements Logger {
  readonly lines: string[] = [];
  info(): void {}
  warn(fields: Record<string, unknown>, message: string): void {
    this.lines.push(`warn ${message} ${JSON.stringify(fields)}`);
  }
  error(fields: Record<string, unknown>, message: string): void {
    this.lines.push(`error ${message} ${JSON.stringify(fields)}`);
  }
}

/** Waits until `probe` gives something other than null, undefined or false. */
export async function until<T>(
  what: string,
  probe: () => T | Promise<T>,
  limitMs = 10_000,
): Promise<NonNullable<T>> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const value = await probe();
    if (value !== null && value !== undefined && value !== false) return value as NonNullable<T>;
    if (performance.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export function orderFor(command: StartOrder['command'], extra: Partial<StartOrder> = {}): StartOrder {
  return {
    instance: randomUUID(),
    attempt: 1,
    name: null,
    command,
    env: {},
    venv: null,
    workdir: null,
    gpuIndices: [],
    cpu: 1,
    memoryMiB: 0,
    graceMs: 1000,
    logCapBytes: 1024 * 1024,
    ...extra,
  };
}

/** A machine that remembers the ends it told, and that leaves nothing behind when it is disposed of. */
export class Bench {
  readonly dir = mkdtempSync(join(tmpdir(), 'drover-os-'));
  readonly workerId = randomUUID();
  readonly logger = new MemoryLogger();
  readonly ends = new Map<string, End[]>();
  private readonly machines: OsWorkerMachine[] = [];
  private readonly keys: AttemptKey[] = [];

  async open(extra: Partial<MachineOptions> = {}): Promise<OsWorkerMachine> {
    const machine = await createMachine({
      stateDir: this.dir,
      workerId: this.workerId,
      shimPath: SHELL_SHIM,
      logger: this.logger,
      ...extra,
    });
    machine.onEnd((key, end) => this.ends.set(key.instance, [...(this.ends.get(key.instance) ?? []), end]));
    this.machines.push(machine);
    return machine;
  }

  async launch(machine: OsWorkerMachine, order: StartOrder) {
    this.keys.push(order);
    return machine.launch(order);
  }

  /** Also for what another process launched on this folder. */
  cleanUp(key: AttemptKey): void {
    this.keys.push(key);
  }

  end(key: AttemptKey): Promise<End> {
    return until(`end of ${key.instance}`, () => this.ends.get(key.instance)?.[0]);
  }

  /** Runs to the end; the code and all of the log. */
  async run(machine: OsWorkerMachine, order: StartOrder): Promise<{ end: End; log: string }> {
    await this.launch(machine, order);
    const end = await this.end(order);
    return { end, log: await textOf(machine, order) };
  }

  async dispose(): Promise<void> {
    const machine = await this.open();
    await machine.scan();
    for (const key of this.keys) {
      await machine.signal(key, 'SIGKILL');
      await until('all processes gone', () => machine.isEmpty(key));
      await machine.release(key);
    }
    for (const each of this.machines) await each.close();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** All that is kept of the log; asked for again when the oldest part of it goes meanwhile. */
export async function textOf(machine: OsWorkerMachine, key: AttemptKey): Promise<string> {
  for (;;) {
    const { available, size } = await machine.logExtent(key);
    try {
      return Buffer.from(await machine.readLog(key, available, size - available)).toString();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }
}

/** Starts `testing-worker.ts` in a process of its own; resolves with what it said first. */
export async function spawnWorker(...args: string[]): Promise<{ child: ChildProcess; said: unknown }> {
  const script = fileURLToPath(new URL('testing-worker.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', script, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  await until('the worker has spoken or died', () => text.endsWith('\n') || child.exitCode !== null, 30_000);
  return { child, said: text === '' ? undefined : JSON.parse(text) };
}

/** Kills it as a power cut would, and waits until it is gone. */
export async function kill9(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}
