/** A herd of real processes for a test: `bin/drover head` and workers in temporary folders, killed and started at will. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from 'drover';
import { pinnedFetch } from 'drover/local';

export const DROVER = fileURLToPath(new URL('../../bin/drover', import.meta.url));

interface Program {
  child: ChildProcess;
  /** The line that it printed when it served. */
  ready: Record<string, string>;
  /** All of its log so far. */
  log: () => string;
}

/** Starts one program and waits for its line. Its stderr is kept for the error message. */
export function startProgram(args: readonly string[], env: Record<string, string> = {}): Promise<Program> {
  const child = spawn(DROVER, [...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  let out = '';
  let err = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      out += chunk.toString();
      const end = out.indexOf('\n');
      if (end < 0) return;
      resolve({ child, ready: JSON.parse(out.slice(0, end)) as Record<string, string>, log: () => err });
    });
    child.once('error', reject);
    child.once('exit', (code, signal) =>
      reject(new Error(`drover ${args.join(' ')} ended with ${code ?? signal}: ${err.slice(-4000)}`)),
    );
  });
}

/** Sends the signal and waits until the process is gone. */
export function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (hasEnded(child)) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill(signal);
  });
}

interface RealWorker {
  program: Program;
  readonly args: readonly string[];
  readonly env: Record<string, string>;
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode !== null || signalCode !== null;

export class RealHerd {
  readonly dir = mkdtempSync(join(tmpdir(), 'drover-e2e-'));
  readonly headFlags: string[];
  head: Program | null = null;
  readonly workers = new Map<string, RealWorker>();
  url = '';
  token = '';
  client = new Client({ url: 'http://127.0.0.1:1' });

  constructor(headFlags: readonly string[] = []) {
    this.headFlags = [...headFlags];
  }

  async startHead(): Promise<void> {
    const port = this.url === '' ? '0' : new URL(this.url).port;
    this.head = await startProgram([
      'head',
      '--state',
      join(this.dir, 'head'),
      '--port',
      port,
      '--json',
      ...this.headFlags,
    ]);
    this.url = this.head.ready['url'] ?? '';
    this.token = readFileSync(this.head.ready['tokenFile'] ?? '', 'utf8');
    const { caFile } = this.head.ready;
    const fetch = caFile ? pinnedFetch(readFileSync(caFile, 'utf8')) : undefined;
    this.client = new Client({ url: this.url, token: this.token, fetch });
  }

  /** @returns the worker's id */
  async addWorker(name: string, flags: readonly string[] = []): Promise<string> {
    const { token } = await this.client.joinTokens.create({ uses: 1 });
    const args = ['worker', '--state', join(this.dir, name), '--head', this.url];
    args.push('--json', '--name', name, ...flags);
    const env = { DROVER_JOIN_TOKEN: token };
    const program = await startProgram(args, env);
    this.workers.set(name, { program, args, env });
    return program.ready['workerId'] ?? '';
  }

  async killWorker(name: string): Promise<void> {
    await end(this.#worker(name).program.child, 'SIGKILL');
  }

  /** The same command line and environment as before: the join token is ignored. */
  async restartWorker(name: string): Promise<void> {
    const worker = this.#worker(name);
    worker.program = await startProgram(worker.args, worker.env);
  }

  async killHead(): Promise<void> {
    if (this.head) await end(this.head.child, 'SIGKILL');
  }

  #worker(name: string): RealWorker {
    const worker = this.workers.get(name);
    if (!worker) throw new Error(`no worker ${name}`);
    return worker;
  }

  stateOf(name: string): string {
    return join(this.dir, name);
  }

  /** Ends the instances first, by the hands of their workers, then the programs, and removes the folders. */
  async close(): Promise<void> {
    try {
      if (this.head && !hasEnded(this.head.child)) {
        const dead = [...this.workers].filter(([, { program }]) => hasEnded(program.child));
        // One that the head has forgotten does not come back, and has nothing.
        await Promise.all(dead.map(([name]) => this.restartWorker(name).catch(() => undefined)));
        await this.client.instances.deleteAll();
        await until(
          'all instances have gone',
          async () => (await this.client.instances.page({}, { limit: 1 })).items.length === 0,
          40_000,
        );
      }
    } finally {
      for (const { program } of this.workers.values()) await end(program.child, 'SIGTERM');
      if (this.head) await end(this.head.child, 'SIGTERM');
      rmSync(this.dir, { recursive: true, force: true });
    }
  }
}

/** Waits for a level. @throws with `what` when it is not reached in time */
export async function until(
  what: string,
  holds: () => Promise<boolean> | boolean,
  limitMs = 15_000,
): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
