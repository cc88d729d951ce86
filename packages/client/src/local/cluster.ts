import { join } from 'node:path';
import { invalid } from '@drover/core';
import { Client } from '../client.ts';
import { type Guarded, guard, reapNow } from './guardian.ts';
import type { Program } from './program.ts';
import type { ReapPlan } from './reap.ts';
import { makeFolder, type RunningHead, type RunningWorker, startHead, startWorker } from './servers.ts';

/** The defaults are those of the PyLet seed, but for the port. */
export interface LocalClusterOptions {
  /** How many workers. Default 1. */
  readonly workers?: number | undefined;
  /** What each offers, whatever the machine has. Default 4. */
  readonly cpusPerWorker?: number | undefined;
  /** Default 4096. */
  readonly memoryMiBPerWorker?: number | undefined;
  /** Default 0. */
  readonly gpusPerWorker?: number | undefined;
  /** The head's port on loopback. Default: a free one. */
  readonly port?: number | undefined;
  /** At the end, between SIGTERM and SIGKILL of an instance, in milliseconds. Default 5000. */
  readonly graceMs?: number | undefined;
  /** How long a head or worker may take to serve, in milliseconds. Default 30000. */
  readonly startMs?: number | undefined;
  /** Added to the environment of head and workers. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Gives up the start. */
  readonly signal?: AbortSignal | undefined;
}

/** A worker of a local cluster. */
export interface ClusterWorker {
  readonly id: string;
  readonly pid: number;
}

/** A head and workers on this machine, made by {@link localCluster}. */
export class LocalCluster implements AsyncDisposable {
  /** Address of the head. */
  readonly address: string;
  /** Admin token of the head. */
  readonly token: string;
  readonly client: Client;
  readonly headPid: number;
  readonly workers: readonly ClusterWorker[];
  readonly #end: () => Promise<void>;
  #ending: Promise<void> | undefined;

  /** For {@link localCluster} only. */
  constructor(head: RunningHead, workers: readonly RunningWorker[], end: () => Promise<void>) {
    this.address = head.url;
    this.token = head.token;
    this.client = new Client(openerOf(head));
    this.headPid = head.program.pid;
    this.workers = workers.map(({ id, program }) => ({ id, pid: program.pid }));
    this.#end = end;
  }

  /**
   * Ends all instances (SIGTERM, grace, SIGKILL), then workers and head, and removes their folders. Afterwards no
   * process, port or file is left. A second call waits for the first. Never throws.
   */
  async shutdown(): Promise<void> {
    this.#ending ??= this.#end();
    await this.#ending;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }
}

/** What has been started so far, and how to end it. */
class Started {
  readonly #folder: string;
  readonly #graceMs: number;
  readonly #guarded: Guarded;
  readonly #workerPids = new Set<number>();
  #headPid: number | undefined;
  #head: RunningHead | undefined;
  #oneDied = false;

  constructor(folder: string, graceMs: number) {
    this.#folder = folder;
    this.#graceMs = graceMs;
    this.#guarded = guard(this.#plan());
  }

  headSpawned(pid: number): void {
    this.#headPid = pid;
    this.#guarded.update(this.#plan());
  }

  headServes(head: RunningHead): void {
    this.#head = head;
    this.#forgetAtEnd(head.program, () => {
      this.#headPid = undefined;
    });
    this.#guarded.update(this.#plan());
  }

  workerSpawned(pid: number): void {
    this.#workerPids.add(pid);
    this.#guarded.update(this.#plan());
  }

  workerServes(worker: RunningWorker): void {
    this.#forgetAtEnd(worker.program, () => this.#workerPids.delete(worker.program.pid));
  }

  async end(): Promise<void> {
    await reapNow(this.#plan());
    await this.#guarded.release();
  }

  /** The id of a process that has ended may soon be another's. */
  #forgetAtEnd(program: Program, forget: () => void): void {
    program.onEnd(() => {
      forget();
      this.#oneDied = true;
      this.#guarded.update(this.#plan());
    });
  }

  #plan(): ReapPlan {
    const graceMs = this.#graceMs;
    // Where a worker is gone its instances cannot end in order, and there is nothing to wait for.
    const limitMs = this.#oneDied ? Math.min(graceMs, 1000) : graceMs + 5000;
    const head = this.#head;
    return {
      head: { url: head?.url ?? '', token: head?.token ?? '', graceMs, limitMs },
      groups: [[...this.#workerPids], this.#headPid === undefined ? [] : [this.#headPid]],
      folders: [this.#folder],
    };
  }
}

/**
 * Starts a head and workers on this machine, each a process of its own with a folder of its own:
 * `await using cluster = await localCluster({ workers: 2 })`. Several at once do not meet. Also when this process is
 * killed, or throws before it could end the cluster, nothing is left after a moment.
 * @throws {DroverError} INTERNAL with the end of the log of what did not start, TIMEOUT, INVALID_REQUEST
 */
export async function localCluster(options: LocalClusterOptions = {}): Promise<LocalCluster> {
  const count = options.workers ?? 1;
  if (!Number.isInteger(count) || count < 0 || count > 1000) throw invalid('workers', '0 to 1000', count);
  const folder = await makeFolder('drover-cluster-');
  const started = new Started(folder, options.graceMs ?? 5000);
  const common = (name: string) => ({
    state: join(folder, name),
    logFile: join(folder, `${name}.log`),
    env: options.env ?? {},
    startMs: options.startMs ?? 30_000,
    signal: options.signal,
  });
  try {
    const head = await startHead({
      ...common('head'),
      port: options.port ?? 0,
      onSpawn: (pid) => started.headSpawned(pid),
    });
    started.headServes(head);
    const workers = await startWorkers(count, head, options, common, started);
    return new LocalCluster(head, workers, () => started.end());
  } catch (error) {
    await started.end();
    throw error;
  }
}

/** What opens it. A project that is meant for another head is none of this one. */
const openerOf = ({ url, token }: RunningHead) => ({ url, token, project: null });

async function startWorkers(
  count: number,
  head: RunningHead,
  options: LocalClusterOptions,
  common: (
    name: string,
  ) => Omit<Parameters<typeof startWorker>[0], 'url' | 'joinToken' | 'offer' | 'onSpawn'>,
  started: Started,
): Promise<RunningWorker[]> {
  if (count === 0) return [];
  const client = new Client(openerOf(head));
  const { token: joinToken } = await client.joinTokens.create({ uses: count, ttlS: 600 }, options);
  const offer = {
    cpus: options.cpusPerWorker ?? 4,
    memoryMiB: options.memoryMiBPerWorker ?? 4096,
    gpus: options.gpusPerWorker ?? 0,
  };
  const settled = await Promise.allSettled(
    Array.from({ length: count }, async (_, index) => {
      const onSpawn = (pid: number) => started.workerSpawned(pid);
      const own = common(`worker-${index + 1}`);
      const worker = await startWorker({ ...own, url: head.url, joinToken, offer, onSpawn });
      started.workerServes(worker);
      return worker;
    }),
  );
  return settled.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}
