/**
 * Worker processes on this machine, each known by a tag: a folder holds what is known of one, so that a head that starts
 * again finds them. A worker is a session of its own and outlives the head. Identity is pid, start time and boot.
 */
import { spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { mountsIn } from '@drover/core';
import { ProviderError } from '@drover/engine';
import type { HeadPlace } from './head-place.ts';
import { lastWords } from './last-words.ts';
import { writeWhole } from './write-whole.ts';

/** How a worker is started: the program and its first arguments, such as `node` and `bin.js`. */
export type WorkerProgram = readonly string[];

/** What a worker offers beyond what it finds itself. */
export interface WorkerShape {
  readonly name: string;
  readonly cpus: number | null;
  readonly memoryMiB: number | null;
  /** As for `drover worker --gpus`; null: what is found. */
  readonly gpus: string | null;
}

interface Recorded {
  readonly pid: number;
  readonly startTicks: number;
  readonly bootId: string;
}

/** A signal is answered within this, or the worker is killed. Its instances are none of its business then. */
const END_MS = 10_000;
const LOOK_MS = 50;
/** These say which herd a process belongs to; a worker gets its own. */
const OURS = /^DROVER_/;

export class WorkerProcesses {
  readonly #root: string;
  readonly #program: WorkerProgram;

  /** @param root the folder that holds a folder for each tag; made when missing */
  constructor(root: string, program: WorkerProgram) {
    this.#root = root;
    this.#program = program;
    mkdirSync(root, { recursive: true, mode: 0o700 });
  }

  /** Tags of all that have a folder, alive or not. */
  tags(): string[] {
    return readdirSync(this.#root).filter((name) => existsSync(join(this.#root, name, 'machine.json')));
  }

  /** Where the worker of this tag keeps its state and its log. */
  folder(tag: string): string {
    return join(this.#root, tag);
  }

  isAlive(tag: string): boolean {
    return this.#living(tag) !== null;
  }

  /** Whether the worker looks for its head there. */
  isFor(tag: string, { url, ca }: HeadPlace): boolean {
    const path = join(this.folder(tag), 'machine.json');
    if (!existsSync(path)) return false;
    const known = JSON.parse(readFileSync(path, 'utf8')) as { headUrl?: string; ca?: string | null };
    return known.headUrl === url && (known.ca ?? null) === ca;
  }

  /**
   * Starts the worker unless it runs. The join token reaches it by its environment, never by its arguments.
   * @throws {ProviderError} INVALID when the program cannot be started
   */
  async start(tag: string, shape: WorkerShape, head: HeadPlace, joinToken: string): Promise<void> {
    if (this.isAlive(tag)) return;
    const folder = this.folder(tag);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeWhole(join(folder, 'machine.json'), `${JSON.stringify({ tag, headUrl: head.url, ca: head.ca })}\n`);
    const log = openSync(join(folder, 'worker.log'), 'a', 0o600);
    const [command, ...first] = this.#program;
    if (command === undefined) throw new ProviderError('INVALID', 'no program is known that runs a worker');
    const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !OURS.test(key)));
    try {
      const child = spawn(command, [...first, ...argumentsOf(folder, shape, head.url)], {
        stdio: ['ignore', log, log],
        detached: true,
        cwd: folder,
        env: { ...env, DROVER_JOIN_TOKEN: joinToken, ...(head.ca !== null && { DROVER_CA: head.ca }) },
      });
      await new Promise<void>((resolve, reject) => {
        child.once('spawn', resolve);
        child.once('error', reject);
      });
      child.unref();
      const pid = child.pid ?? -1;
      const startTicks = startTicksOf(pid);
      if (startTicks !== null)
        writeWhole(
          join(folder, 'process.json'),
          `${JSON.stringify({ pid, startTicks, bootId: bootId() })}\n`,
        );
    } catch (cause) {
      throw new ProviderError('INVALID', `cannot start a worker: ${(cause as Error).message}`, { cause });
    } finally {
      closeSync(log);
    }
  }

  /** Ends the worker and waits until it has; instances that still run are left to themselves. No error when it is gone. */
  async end(tag: string): Promise<void> {
    const began = performance.now();
    for (let signal: NodeJS.Signals | null = 'SIGTERM'; ; ) {
      const pid = this.#living(tag);
      if (pid === null) return;
      if (signal) kill(pid, signal);
      signal = performance.now() - began > END_MS ? 'SIGKILL' : null;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  /**
   * Ends it and whatever it still supervises, and removes its folder.
   * @throws {ProviderError} TRANSIENT while something is mounted in it: that belongs to somebody else
   */
  async erase(tag: string): Promise<void> {
    await this.end(tag);
    const folder = this.folder(tag);
    endLeftovers(join(folder, 'state'));
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
    const [mounted] = existsSync(folder) ? mountsIn(mounts, realpathSync(folder)) : [];
    if (mounted !== undefined)
      throw new ProviderError('TRANSIENT', `something is mounted at ${mounted}: unmount it`);
    rmSync(folder, { recursive: true, force: true });
  }

  /** The end of its log, when it has ended by itself. */
  lastWords(tag: string): string | null {
    if (this.isAlive(tag)) return null;
    const path = join(this.folder(tag), 'worker.log');
    if (!existsSync(path)) return null;
    return lastWords(readFileSync(path, 'utf8').slice(-10_000));
  }

  #living(tag: string): number | null {
    const path = join(this.folder(tag), 'process.json');
    if (!existsSync(path)) return null;
    const { pid, startTicks, bootId: boot } = JSON.parse(readFileSync(path, 'utf8')) as Recorded;
    return boot === bootId() && startTicksOf(pid) === startTicks ? pid : null;
  }
}

function argumentsOf(folder: string, shape: WorkerShape, headUrl: string): string[] {
  const { name, cpus, memoryMiB, gpus } = shape;
  return [
    'worker',
    '--json',
    ...['--state', join(folder, 'state')],
    ...['--head', headUrl],
    ...['--name', name],
    ...(cpus === null ? [] : ['--cpus', String(cpus)]),
    ...(memoryMiB === null ? [] : ['--memory', `${memoryMiB}MiB`]),
    ...(gpus === null ? [] : ['--gpus', gpus]),
  ];
}

/** Clock ticks from boot to the start of the process; null when it does not run (a zombie does not). */
function startTicksOf(pid: number): number | null {
  let line: string;
  try {
    line = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return null;
  }
  const fields = line.slice(line.lastIndexOf(') ') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? null : Number(fields[19]);
}

let boot: string | undefined;
function bootId(): string {
  boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return boot;
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}

/** Shims and commands of this worker that did not end in time: known by the folder that their environment names. */
function endLeftovers(stateDir: string): void {
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    let text: string;
    try {
      text = `${readFileSync(`/proc/${name}/environ`, 'latin1')}\0${readFileSync(`/proc/${name}/cmdline`, 'latin1')}`;
    } catch {
      continue;
    }
    if (text.includes(`${stateDir}/`)) kill(Number(name), 'SIGKILL');
  }
}
