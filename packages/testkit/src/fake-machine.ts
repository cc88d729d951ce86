/**
 * A machine whose processes are entries of a table on virtual time. What would be on disk or in the process table
 * outlives a worker (`FakeDisk`); what the worker process held in memory does not (`FakeMachine`).
 */
import type { StartOrder } from '@drover/core/wire';
import type { AttemptKey, Clock, FoundAttempt, Machine, Started, StopNote } from '@drover/worker/agent';
import { LaunchError } from '@drover/worker/agent';
import type { Life } from './virtual-clock.ts';

type End = NonNullable<FoundAttempt['exit']>;

interface FakeProcess {
  readonly order: StartOrder;
  pid: number;
  port: number;
  startedAtMs: number | null;
  exit: End | null;
  stop: StopNote | null;
  log: string;
}

/** `sleep MS; exit CODE`, with `ignore` for a command that does not mind SIGTERM. */
export interface Script {
  readonly runMs: number;
  readonly code: number;
  readonly ignoresTerm: boolean;
  readonly failsToStart: boolean;
  /** So many bytes more in its log. */
  readonly logBytes?: number;
}

/** `:` is what prepares a node without a setup of its own: it ends well, soon. */
const NOTHING: Script = { runMs: 5, code: 0, ignoresTerm: false, failsToStart: false };

export const scriptOf = (order: StartOrder): Script =>
  order.command === ':' ? NOTHING : (JSON.parse(order.command as string) as Script);

/** What can be made to fail. */
export type Fallible = Exclude<keyof Machine, 'scan' | 'onEnd' | 'watchLog'> | 'remember';

export class FakeDisk {
  readonly #faults = new Map<Fallible, number>();
  readonly processes = new Map<string, FakeProcess>();
  /** Every start that ever happened here, as instance/attempt. */
  readonly starts: string[] = [];
  /** Every command that came to its own end here, with its exit code, by instance/attempt: what a witness saw. */
  readonly completed = new Map<string, number>();
  /** The first byte that is kept of a log, by instance/attempt: those before it were trimmed. */
  readonly trimmedTo = new Map<string, number>();
  /** Commands that no signal ends, as in an uninterruptible sleep, by instance/attempt. */
  readonly deafTo = new Set<string>();
  /** Every command that a signal ended, by instance/attempt. */
  readonly killed: string[] = [];
  /** The homes of nodes, by key. */
  readonly homes = new Set<string>();
  nextPid = 1000;
  listener: ((key: AttemptKey, exit: End) => void) | null = null;

  /** The next so many calls of this method throw and do nothing; 0 heals it. */
  failNext(method: Fallible, times = 1): void {
    this.#faults.set(method, times);
  }

  /** The machine goes down: nothing runs on, nothing of the files is lost. */
  reboot(atMs: number): void {
    const reason = {
      code: 'MACHINE_REBOOTED',
      message: 'the machine was started anew while the command ran',
    };
    for (const process of this.processes.values())
      if (process.startedAtMs !== null) process.exit ??= { code: null, signal: null, reason, atMs };
  }

  /** @throws when the method is to fail now */
  check(method: Fallible): void {
    const left = this.#faults.get(method) ?? 0;
    if (left === 0) return;
    this.#faults.set(method, left - 1);
    throw Object.assign(new Error(`EIO: i/o error, ${method}`), { code: 'EIO' });
  }
}

const tag = (key: AttemptKey): string => `${key.instance}/${key.attempt}`;

export class FakeMachine implements Machine {
  readonly #disk: FakeDisk;
  readonly #world: Clock;
  readonly #life: Pick<Life, 'dead' | 'frozen'>;

  /** @param world the clock of the machine, which goes on when the worker's process is dead */
  constructor(disk: FakeDisk, world: Clock, life: Pick<Life, 'dead' | 'frozen'>) {
    this.#disk = disk;
    this.#world = world;
    this.#life = life;
  }

  async scan(): Promise<FoundAttempt[]> {
    return [...this.#disk.processes.values()].map((process) => ({
      instance: process.order.instance,
      attempt: process.order.attempt,
      order: process.order,
      port: process.port,
      pid: process.startedAtMs === null ? null : process.pid,
      startedAtMs: process.startedAtMs,
      state: process.exit ? 'ended' : process.startedAtMs === null ? 'preparing' : 'running',
      exit: process.exit,
      stop: process.stop,
    }));
  }

  async launch(order: StartOrder): Promise<Started> {
    this.#disk.check('launch');
    const known = this.#disk.processes.get(tag(order));
    if (known?.startedAtMs != null)
      return { pid: known.pid, port: known.port, startedAtMs: known.startedAtMs };
    const pid = this.#disk.nextPid++;
    const process: FakeProcess = known ?? {
      order,
      pid,
      port: 20_000 + (pid % 10_000),
      startedAtMs: null,
      exit: null,
      stop: null,
      log: '',
    };
    this.#disk.processes.set(tag(order), process);
    // Between the record and the process: a worker may die here.
    await new Promise<void>((resolve) => this.#world.after(1, resolve));
    if (this.#life.dead) return new Promise(() => undefined);
    const script = scriptOf(order);
    if (script.failsToStart) {
      this.#disk.processes.delete(tag(order));
      throw new LaunchError('WORKDIR_NOT_FOUND', 'no such directory');
    }
    process.startedAtMs = this.#world.wallMs();
    this.#disk.starts.push(tag(order));
    process.log = `start ${tag(order)}\n${'x'.repeat(script.logBytes ?? 0)}`;
    this.#world.after(script.runMs, () => {
      if (!process.exit) this.#disk.completed.set(tag(order), script.code);
      this.#end(process, script.code);
    });
    return { pid: process.pid, port: process.port, startedAtMs: process.startedAtMs };
  }

  #end(process: FakeProcess, code: number): void {
    if (process.exit) return;
    process.exit = { code, signal: null, reason: null, atMs: this.#world.wallMs() };
    this.#disk.listener?.({ instance: process.order.instance, attempt: process.order.attempt }, process.exit);
  }

  async withdraw(key: AttemptKey): Promise<boolean> {
    this.#disk.check('withdraw');
    const process = this.#disk.processes.get(tag(key));
    if (process && process.startedAtMs !== null) return false;
    this.#disk.processes.delete(tag(key));
    return true;
  }

  onEnd(listener: (key: AttemptKey, exit: End) => void): void {
    const life = this.#life;
    const tell: typeof listener = (key, exit) => {
      if (life.dead) return;
      if (life.frozen) life.frozen.push(() => tell(key, exit));
      else listener(key, exit);
    };
    this.#disk.listener = tell;
  }

  async noteStop(key: AttemptKey, note: StopNote): Promise<void> {
    this.#disk.check('noteStop');
    const process = this.#disk.processes.get(tag(key));
    if (process) process.stop = note;
  }

  async signal(key: AttemptKey, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.#disk.check('signal');
    const process = this.#disk.processes.get(tag(key));
    if (!process?.startedAtMs || this.#disk.deafTo.has(tag(key))) return;
    if (signal === 'SIGTERM' && scriptOf(process.order).ignoresTerm) return;
    this.#world.after(1, () => {
      if (!process.exit) this.#disk.killed.push(tag(key));
      this.#end(process, signal === 'SIGTERM' ? 143 : 137);
    });
  }

  async isEmpty(key: AttemptKey): Promise<boolean> {
    this.#disk.check('isEmpty');
    const process = this.#disk.processes.get(tag(key));
    return !process?.startedAtMs || process.exit !== null;
  }

  async isReleased(_key: AttemptKey): Promise<boolean> {
    this.#disk.check('isReleased');
    return true;
  }

  async release(_key: AttemptKey): Promise<void> {
    this.#disk.check('release');
  }

  async remove(key: AttemptKey): Promise<void> {
    this.#disk.check('remove');
    this.#disk.processes.delete(tag(key));
  }

  async logExtent(key: AttemptKey): Promise<{ available: number; size: number }> {
    this.#disk.check('logExtent');
    const available = this.#disk.trimmedTo.get(tag(key)) ?? 0;
    return { available, size: this.#disk.processes.get(tag(key))?.log.length ?? 0 };
  }

  async readLog(key: AttemptKey, offset: number, limit: number): Promise<Uint8Array> {
    this.#disk.check('readLog');
    if (offset < (this.#disk.trimmedTo.get(tag(key)) ?? 0)) throw new RangeError('these bytes were trimmed');
    return Buffer.from((this.#disk.processes.get(tag(key))?.log ?? '').slice(offset, offset + limit));
  }

  watchLog(): { close(): void } {
    return { close: () => undefined };
  }
}
