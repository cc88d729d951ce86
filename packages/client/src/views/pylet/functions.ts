import { INSTANCE_STATUSES, type InstanceStatus, isDroverError } from '@drover/core';
import type { Client } from '../../client.ts';
import { NotFoundError, ValueError } from './errors.ts';
import { Instance } from './instance.ts';
import { currentClient } from './session.ts';
import { inSeedsWords } from './translate.ts';
import { WorkerInfo } from './worker-info.ts';

/** What `submit` takes besides the command. null is the same as absent. */
export interface SubmitOptions {
  /** For service discovery; no two live instances share one. */
  name?: string | null | undefined;
  /** GPUs, default 0; without effect beside `gpuIndices`. */
  gpu?: number | undefined;
  /** Cores, default 1. */
  cpu?: number | undefined;
  /** MiB, default 512. */
  memory?: number | undefined;
  /** Id of the worker on which it must run. */
  targetWorker?: string | null | undefined;
  /** Exact GPUs of the target worker. */
  gpuIndices?: readonly number[] | null | undefined;
  /** false: the GPUs are shared and stay free for others. Default true. */
  exclusive?: boolean | undefined;
  labels?: Readonly<Record<string, string>> | null | undefined;
  env?: Readonly<Record<string, string>> | null | undefined;
  /** Absolute path of a virtualenv that is there. */
  venv?: string | null | undefined;
}

/** A name, or exactly one of the two. */
export type NameOrId = string | { readonly name?: string | undefined; readonly id?: string | undefined };

/**
 * Submits an instance. A string is run by a shell; a list is run as it is, each element one argument.
 * @throws {NotInitializedError}
 * @throws {ValueError} a bad argument (`field`), a name in use, a target that is not there
 */
export async function submit(
  command: string | readonly string[],
  {
    name = null,
    gpu = 0,
    cpu = 1,
    memory = 512,
    targetWorker = null,
    gpuIndices = null,
    exclusive = true,
    labels = null,
    env = null,
    venv = null,
  }: SubmitOptions = {},
): Promise<Instance> {
  const client = currentClient();
  const input = {
    command: typeof command === 'string' ? command : [...command],
    name,
    resources: { gpus: gpu, cpu, memoryMiB: memory },
    targetWorker,
    gpuIndices: gpuIndices === null ? null : [...gpuIndices],
    exclusive,
    labels: { ...labels },
    env: { ...env },
    venv,
  };
  try {
    return new Instance(client, await client.instances.submit(input));
  } catch (error) {
    if (!isDroverError(error) || error.code !== 'WORKER_NOT_FOUND')
      return await inSeedsWords(Promise.reject(error));
    throw new ValueError(error.message, 'targetWorker', { cause: error });
  }
}

/**
 * An instance by its name, or by its id: `get('my-vllm')`, `get({ id })`. Of several that bore the name it is the one
 * that has not ended, else the newest.
 * @throws {NotInitializedError} @throws {NotFoundError} @throws {ValueError} neither is given
 */
export async function get(name: NameOrId): Promise<Instance> {
  const client = currentClient();
  return await find(client, name);
}

/**
 * All instances, newest first.
 * @param options `status`: only those; `labels`: only those that bear all of them
 * @throws {NotInitializedError} @throws {ValueError} no such status
 */
export async function instances({
  status = null,
  labels = null,
}: {
  status?: string | null | undefined;
  labels?: Readonly<Record<string, string>> | null | undefined;
} = {}): Promise<Instance[]> {
  const client = currentClient();
  const filter = { status: parseStatus(status), labels: labels ?? undefined };
  const found: Instance[] = [];
  const read = async () => {
    for await (const view of client.instances.list(filter)) found.push(new Instance(client, view));
  };
  await inSeedsWords(read());
  return found;
}

/** All workers that the head knows. @throws {NotInitializedError} */
export async function workers(): Promise<WorkerInfo[]> {
  const client = currentClient();
  const views = await inSeedsWords(client.workers.list());
  return views.map((view) => new WorkerInfo(view));
}

/**
 * Deletes an instance by name or id, as {@link get} finds it. One that still runs is cancelled, and its record goes at
 * its end.
 * @throws {NotInitializedError} @throws {NotFoundError} @throws {ValueError} neither is given
 */
async function delete_(name: NameOrId): Promise<void> {
  const client = currentClient();
  const instance = await find(client, name);
  await inSeedsWords(client.instances.delete(instance.id));
}

export { delete_ as delete };

/**
 * Deletes all instances, or those of one status; those that still run are cancelled first. @returns how many
 * @throws {NotInitializedError} @throws {ValueError} no such status
 */
export async function deleteAll({
  status = null,
}: {
  status?: string | null | undefined;
} = {}): Promise<number> {
  const client = currentClient();
  return await inSeedsWords(client.instances.deleteAll({ status: parseStatus(status) }));
}

/**
 * Forgets an OFFLINE worker.
 * @throws {NotInitializedError} @throws {NotFoundError} @throws {ValueError} it is not OFFLINE
 */
export async function deleteWorker(workerId: string): Promise<void> {
  const client = currentClient();
  if (typeof workerId !== 'string' || workerId === '') throw new ValueError('workerId: needed', 'workerId');
  await inSeedsWords(client.workers.delete(workerId));
}

/** Forgets all OFFLINE workers. @returns how many @throws {NotInitializedError} */
export async function deleteAllOfflineWorkers(): Promise<number> {
  const client = currentClient();
  return await inSeedsWords(client.workers.deleteAllOffline());
}

/** A reference can be a name, an id or the beginning of one; here only what was asked for counts. */
async function find(client: Client, key: NameOrId): Promise<Instance> {
  const { name, id }: { name?: string | undefined; id?: string | undefined } =
    typeof key === 'string' ? { name: key } : (key ?? {});
  const wanted = name ?? id;
  if (typeof wanted !== 'string' || wanted === '') throw new ValueError('give a name or an id', 'name');
  const missing = (cause?: unknown) =>
    new NotFoundError(`no instance ${name === undefined ? wanted : `named "${wanted}"`}`, { cause });
  const view = await inSeedsWords(client.instances.get(wanted)).catch((error: unknown) => {
    throw error instanceof ValueError ? missing(error) : error;
  });
  const found = name === undefined ? view.id : view.name;
  if (found?.normalize('NFC') !== wanted.normalize('NFC')) throw missing();
  return new Instance(client, view);
}

function parseStatus(status: string | null): InstanceStatus | undefined {
  if (status === null) return undefined;
  const known = INSTANCE_STATUSES.find((one) => one === status);
  if (known !== undefined) return known;
  throw new ValueError(`status: one of ${INSTANCE_STATUSES.join(', ')}`, 'status');
}
