import { type LocalCluster, localCluster as startCluster } from '../../local/cluster.ts';
import { type LocalHead, type LocalWorker, start as startLocal } from '../../local/start.ts';
import { initWith, shutdownFrom } from './session.ts';

/** A head in the background, from {@link start}. */
export class Head {
  readonly #head: LocalHead;

  constructor(head: LocalHead) {
    this.#head = head;
  }

  /** Its URL. */
  get address(): string {
    return this.#head.address;
  }

  /** Its admin token: `init(head.address, { token: head.token })`. */
  get token(): string {
    return this.#head.token;
  }

  /** Stops it; its port is free then. Instances go on under their workers. */
  async stop(): Promise<void> {
    await this.#head.stop();
  }
}

/** A worker in the background, from {@link start}. */
export class Worker {
  readonly #worker: LocalWorker;

  constructor(worker: LocalWorker) {
    this.#worker = worker;
  }

  /** Its id. */
  get id(): string {
    return this.#worker.id;
  }

  /** Stops the worker's process. Its instances go on. */
  async stop(): Promise<void> {
    await this.#worker.stop();
  }
}

/** A head and workers for tests, from {@link localCluster}. Use it with `await using`. */
export class Cluster implements AsyncDisposable {
  readonly #cluster: LocalCluster;

  constructor(cluster: LocalCluster) {
    this.#cluster = cluster;
  }

  /** URL of its head. */
  get address(): string {
    return this.#cluster.address;
  }

  /** Ends its instances, workers and head, and the connection to it. Nothing is left. */
  async shutdown(): Promise<void> {
    await this.#cluster.shutdown();
    shutdownFrom(this.address);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }
}

/** What {@link start} takes. */
export interface StartOptions {
  /** Given: a worker is started, and joins this head. Absent: a head. */
  address?: string | null | undefined;
  /** Of the head, default 8000. */
  port?: number | undefined;
  /** What the worker offers: GPUs, default 0. */
  gpu?: number | undefined;
  /** Cores, default 4. */
  cpu?: number | undefined;
  /** MiB, default 4096. */
  memory?: number | undefined;
  /** true: runs in the foreground; the call returns after SIGINT or SIGTERM. */
  block?: boolean | undefined;
  /** Of the head that a worker joins, or that a new head shall have. Default: as for `init`; a new head makes one. */
  token?: string | undefined;
}

/**
 * Starts a head, or with `address` a worker, as a process of its own.
 * @throws {DroverError} it does not start (its message ends with the end of the program's log)
 */
export function start(options: StartOptions & { block: true }): Promise<undefined>;
export function start(
  options: StartOptions & { address: string; block?: false | undefined },
): Promise<Worker>;
export function start(
  options?: StartOptions & { address?: null | undefined; block?: false | undefined },
): Promise<Head>;
export function start(options: StartOptions): Promise<Head | Worker | undefined>;
export async function start({
  address = null,
  port = 8000,
  gpu = 0,
  cpu = 4,
  memory = 4096,
  block = false,
  token = undefined,
}: StartOptions = {}): Promise<Head | Worker | undefined> {
  const head = { port, token };
  const worker = { gpus: gpu, cpus: cpu, memoryMiB: memory, token };
  if (block) return await startLocal(address === null ? { ...head, block } : { ...worker, address, block });
  if (address === null) return new Head(await startLocal(head));
  return new Worker(await startLocal({ ...worker, address }));
}

/** What {@link localCluster} takes besides the number of workers. */
export interface LocalClusterOptions {
  /** GPUs, default 0. */
  gpuPerWorker?: number | undefined;
  /** Cores, default 4. */
  cpuPerWorker?: number | undefined;
  /** MiB, default 4096. */
  memoryPerWorker?: number | undefined;
  /** Of the head. Default: a free one (the seed's 8000 would keep two clusters apart). */
  port?: number | null | undefined;
}

/**
 * Starts a head and workers on this machine and calls `init` for them:
 * `await using cluster = await localCluster(2, { gpuPerWorker: 1 })`. At the end of the scope all of it is gone.
 * @throws {DroverError} a part does not start
 */
export async function localCluster(
  workers = 1,
  { gpuPerWorker = 0, cpuPerWorker = 4, memoryPerWorker = 4096, port = null }: LocalClusterOptions = {},
): Promise<Cluster> {
  const cluster = await startCluster({
    workers,
    gpusPerWorker: gpuPerWorker,
    cpusPerWorker: cpuPerWorker,
    memoryMiBPerWorker: memoryPerWorker,
    port: port ?? undefined,
  });
  try {
    await initWith(cluster.client);
  } catch (error) {
    await cluster.shutdown();
    throw error;
  }
  return new Cluster(cluster);
}
