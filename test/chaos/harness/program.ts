/** One real program in the namespace of its component: started, signalled by pid and start time, and waited for. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readProcess } from './processes.ts';

export interface Start {
  /** Prefix that enters the component's namespace. */
  readonly enter: readonly string[];
  /** Folder with the copy of the built programs. */
  readonly bundle: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Its stderr is added to this file. */
  readonly log: string;
}

/** How it ended: the code, or the name of the signal. */
export type Ended = number | NodeJS.Signals;

export class Program {
  readonly #child: ChildProcess;
  readonly #startTicks: string | null;
  readonly startedAtMs = performance.now();
  /** The line that it prints when it serves. Rejects when it ends before. */
  readonly ready: Promise<Record<string, string>>;
  readonly ended: Promise<Ended>;
  isPaused = false;
  /** Somebody ends it, or its end has been told. */
  isMeantToEnd = false;

  constructor(start: Start) {
    const log = openSync(start.log, 'a');
    const [program = '', ...args] = [...start.enter, process.execPath, join(start.bundle, 'dist/bin.js')];
    this.#child = spawn(program, [...args, ...start.args], {
      stdio: ['ignore', 'pipe', log],
      env: { ...cleaned(process.env), ...start.env },
    });
    closeSync(log);
    this.#startTicks = readProcess(this.pid)?.startTicks ?? null;
    this.ended = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => resolve(code ?? signal ?? 1));
      this.#child.once('error', () => resolve(127));
    });
    this.ready = this.#firstLine(start);
    this.ready.catch(() => undefined);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null && this.#child.pid !== undefined;
  }

  /** Nothing is sent to a process that took the number of ours. */
  signal(signal: NodeJS.Signals): void {
    const now = readProcess(this.pid);
    if (!this.isAlive || now === null || (this.#startTicks !== null && now.startTicks !== this.#startTicks))
      return;
    if (signal === 'SIGKILL' || signal === 'SIGTERM') this.isMeantToEnd = true;
    if (signal === 'SIGSTOP') this.isPaused = true;
    if (signal === 'SIGCONT') this.isPaused = false;
    this.#child.kill(signal);
  }

  async end(signal: NodeJS.Signals): Promise<Ended> {
    this.signal(signal);
    return await this.ended;
  }

  #firstLine(start: Start): Promise<Record<string, string>> {
    return new Promise((resolve, reject) => {
      let out = '';
      this.#child.stdout?.on('data', (chunk: Buffer) => {
        out += chunk.toString();
        const end = out.indexOf('\n');
        if (end >= 0) resolve(JSON.parse(out.slice(0, end)) as Record<string, string>);
      });
      void this.ended.then((how) => {
        const tail = readFileSync(start.log, 'utf8').slice(-1500);
        reject(new Error(`drover ${start.args.slice(0, 3).join(' ')} ended with ${how}: ${tail}`));
      });
    });
  }
}

/** Without what would lead a program to another head than ours. */
function cleaned(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([key]) => !/^(DROVER_|CHAOS_|VITEST|NODE_)/.test(key)),
  );
}
