import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, DEFAULT_HEAD_URL } from '../client.ts';
import { parseTarget } from '../transport/target.ts';
import { findHead } from './find-head.ts';
import { type Guarded, guard, reapNow } from './guardian.ts';
import type { Program } from './program.ts';
import { makeFolder, type RunningHead, type RunningWorker, startHead, startWorker } from './servers.ts';

/** With `address` a worker is started, without it a head. */
export interface StartOptions {
  /** Head that the worker joins. */
  readonly address?: string | undefined;
  /** For a head: its admin token, default a new one. For a worker: a token that may make join tokens. */
  readonly token?: string | undefined;
  /** What the worker joins with, instead of `token`. */
  readonly joinToken?: string | undefined;
  /** Of the head. Default 3768; 0: a free one. */
  readonly port?: number | undefined;
  /** Folder of what the program must remember, and of its log. Default: a temporary one. */
  readonly state?: string | undefined;
  /** What the worker offers. Default: what the machine has. */
  readonly cpus?: number | undefined;
  readonly memoryMiB?: number | undefined;
  readonly gpus?: number | undefined;
  /** Runs in the foreground: the call returns after SIGINT or SIGTERM, when the program has ended. */
  readonly block?: boolean | undefined;
  /** How long the program may take to serve, in milliseconds. Default 30000. */
  readonly startMs?: number | undefined;
  /** Added to the program's environment. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Gives up the start. */
  readonly signal?: AbortSignal | undefined;
}

/** A program that was started in the background. It ends with this process, at the latest. */
abstract class LocalServer implements AsyncDisposable {
  readonly pid: number;
  readonly #guarded: Guarded;
  #stopping: Promise<void> | undefined;

  constructor(pid: number, guarded: Guarded) {
    this.pid = pid;
    this.#guarded = guarded;
  }

  /** Ends the program (SIGTERM, after 10 s SIGKILL) and waits for it. Instances are not touched: they go on. */
  async stop(): Promise<void> {
    this.#stopping ??= this.stopNow().then(() => this.#guarded.release());
    await this.#stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  protected abstract stopNow(): Promise<void>;
}

/** A head, started by {@link start}. A temporary state folder goes with it. */
export class LocalHead extends LocalServer {
  /** Such as `http://127.0.0.1:3768`. */
  readonly address: string;
  /** Its admin token. */
  readonly token: string;
  readonly #program: Program;
  readonly #folders: readonly string[];

  /** For {@link start} only. */
  constructor(head: RunningHead, folders: readonly string[], guarded: Guarded) {
    super(head.program.pid, guarded);
    this.address = head.url;
    this.token = head.token;
    this.#program = head.program;
    this.#folders = folders;
  }

  protected override async stopNow(): Promise<void> {
    const pids = this.#program.hasEnded() ? [] : [this.pid];
    await reapNow({ head: null, groups: [pids], folders: this.#folders });
  }
}

/** A worker, started by {@link start}. A temporary state folder goes with it, unless instances still run from it. */
export class LocalWorker extends LocalServer {
  readonly id: string;
  readonly #program: Program;
  readonly #folders: readonly string[];
  readonly #client: Client;

  /** For {@link start} only. */
  constructor(worker: RunningWorker, folders: readonly string[], guarded: Guarded, client: Client) {
    super(worker.program.pid, guarded);
    this.id = worker.id;
    this.#program = worker.program;
    this.#folders = folders;
    this.#client = client;
  }

  protected override async stopNow(): Promise<void> {
    const isIdle = await this.#isIdle();
    const pids = this.#program.hasEnded() ? [] : [this.pid];
    await reapNow({ head: null, groups: [pids], folders: isIdle ? this.#folders : [] });
  }

  async #isIdle(): Promise<boolean> {
    try {
      const view = await this.#client.workers.get(this.id, { signal: AbortSignal.timeout(2000) });
      return view.instances === 0 && view.unknownInstances.length === 0;
    } catch {
      return false;
    }
  }
}

/**
 * Starts a head, or with `address` a worker that joins it, as a process of its own.
 * @throws {DroverError} INTERNAL with the end of its log when it does not start, TIMEOUT, and for a worker what making
 * its join token throws
 */
export function start(options: StartOptions & { block: true }): Promise<undefined>;
export function start(
  options?: StartOptions & { address?: undefined; block?: false | undefined },
): Promise<LocalHead>;
export function start(
  options: StartOptions & { address: string; block?: false | undefined },
): Promise<LocalWorker>;
export function start(options: StartOptions): Promise<LocalHead | LocalWorker | undefined>;
export async function start(options: StartOptions = {}): Promise<LocalHead | LocalWorker | undefined> {
  if (options.block) return await runUntilSignal(options);
  return (await begin(options))[0];
}

/** Signals are heard from the first moment on: one that comes while the program starts ends that. */
async function runUntilSignal(options: StartOptions): Promise<undefined> {
  const stopped = new AbortController();
  const stop = () => stopped.abort();
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  try {
    const signals = options.signal ? [options.signal, stopped.signal] : [stopped.signal];
    const begun = await begin({ ...options, signal: AbortSignal.any(signals) }).catch((error: unknown) => {
      if (!stopped.signal.aborted) throw error;
    });
    if (!begun) return;
    const [server, program] = begun;
    stopped.signal.addEventListener('abort', () => void server.stop());
    if (!stopped.signal.aborted) await program.ended();
    await server.stop();
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}

async function begin(options: StartOptions): Promise<[LocalHead | LocalWorker, Program]> {
  const verb = options.address === undefined ? 'head' : 'worker';
  const folder = options.state === undefined ? await makeFolder(`drover-${verb}-`) : undefined;
  const folders = folder === undefined ? [] : [folder];
  // A worker's folder may be in use by instances that go on without it.
  const guardedFolders = verb === 'head' ? folders : [];
  const guarded = guard({ head: null, groups: [], folders: guardedFolders });
  const pids: number[] = [];
  const state = options.state ?? join(folder ?? '.', verb);
  const common = {
    state,
    logFile: options.block ? null : join(state, `${verb}.log`),
    env: options.env ?? {},
    startMs: options.startMs ?? 30_000,
    signal: options.signal,
    onSpawn: (pid: number) => {
      pids.push(pid);
      guarded.update({ head: null, groups: [[pid]], folders: guardedFolders });
    },
  };
  try {
    const [server, program] =
      options.address === undefined
        ? await beginHead(options, common, folders, guarded)
        : await beginWorker(options, options.address, common, folders, guarded);
    program.onEnd(() => guarded.update({ head: null, groups: [], folders: guardedFolders }));
    return [server, program];
  } catch (error) {
    await reapNow({ head: null, groups: [pids], folders });
    await guarded.release();
    throw error;
  }
}

type Common = Omit<Parameters<typeof startHead>[0], 'port'>;

async function beginHead(
  options: StartOptions,
  common: Common,
  folders: readonly string[],
  guarded: Guarded,
): Promise<[LocalHead, Program]> {
  if (options.token !== undefined) await presetToken(common.state, options.token);
  const port = options.port ?? Number(new URL(DEFAULT_HEAD_URL).port);
  const head = await startHead({ ...common, port });
  return [new LocalHead(head, folders, guarded), head.program];
}

async function beginWorker(
  options: StartOptions,
  address: string,
  common: Common,
  folders: readonly string[],
  guarded: Guarded,
): Promise<[LocalWorker, Program]> {
  const { url } = parseTarget(address);
  const found = await findHead({ url: address, token: options.token });
  // Workers belong to no project.
  const client = new Client({ ...found, project: null });
  const env = { ...common.env, ...(found.ca !== undefined && { DROVER_CA: found.ca }) };
  const { signal } = options;
  const joinToken =
    options.joinToken ?? (await client.joinTokens.create({ uses: 1, ttlS: 600 }, { signal })).token;
  const worker = await startWorker({ ...common, env, url, joinToken, offer: options });
  return [new LocalWorker(worker, folders, guarded, client), worker.program];
}

/** A head takes the admin token that lies in its folder, and makes one only where there is none. */
async function presetToken(state: string, token: string): Promise<void> {
  await mkdir(state, { recursive: true, mode: 0o700 });
  await writeFile(join(state, 'admin.token'), `${token}\n`, { mode: 0o600 });
}
