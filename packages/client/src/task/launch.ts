/** Tasks on their way to a cluster: their files are sent, and a `run` that is a function is called once the nodes are known. */
import { type DroverError, isDroverError } from '@drover/core';
import type { AutostopSpec, ExecBodyInput, LaunchBodyInput } from '@drover/core/wire';
import type { Client } from '../client.ts';
import type { Launched, RequestOptions } from '../services/clusters.ts';
import type { RequestFuture } from '../services/request-future.ts';
import { Dag } from './dag.ts';
import { refused } from './refused.ts';
import type { SendFiles, Task } from './task.ts';

/** What `clusters.launch` takes, but for the task. */
export interface LaunchTaskOptions extends Omit<LaunchBodyInput, 'task'>, RequestOptions {
  /** Default: `client.files.send`. */
  readonly send?: SendFiles | undefined;
}

/** What `clusters.exec` takes, but for the task. */
export interface ExecTaskOptions extends Omit<ExecBodyInput, 'task'>, RequestOptions {
  readonly send?: SendFiles | undefined;
}

/**
 * Launches a task: sends its files, then asks the head. A task whose `run` is a function is launched in two steps: nodes
 * and setup first, then a job with the command of each rank. The second step is this process's doing, so this call
 * returns only when the nodes are there, and what it returns is the second step's request; or the first one's, when that
 * has failed. Where this process dies in between, the cluster stays, with its setup and its autostop.
 * @throws {DroverError} as `clusters.launch` and `files.send`; INVALID_TASK for a Dag of several tasks
 */
export async function launchTask(
  client: Client,
  task: Task | Dag,
  options: LaunchTaskOptions = {},
): Promise<RequestFuture<Launched>> {
  const { send = sender(client, options), signal, requestId, command, ...body } = options;
  const one = onlyTask(task);
  const call = { signal, requestId, command };
  const spec = await one.toSpec(send);
  if (typeof one.run !== 'function' || body.dryrun)
    return await client.clusters.launch({ ...body, task: spec }, call);
  const { down = false, autostop = null, ...rest } = body;
  // With its own idle time the cluster could go before its job has come.
  const wish: AutostopSpec | null = down
    ? { waitFor: 'jobs', idleMinutes: 0, ...autostop, down }
    : autostop && { waitFor: 'jobs', down: false, ...autostop };
  const patient = wish && { ...wish, idleMinutes: Math.max(wish.idleMinutes, 1) };
  const nodes = await client.clusters.launch({ ...rest, task: spec, autostop: patient }, { signal, command });
  let cluster: string | null;
  try {
    cluster = (await nodes.get({ signal })).cluster;
  } catch (error) {
    if (hasEnded(error)) return nodes;
    throw error;
  }
  if (cluster === null) return nodes;
  const job = await execTask(client, cluster, one, { ...call, send });
  if (wish && patient?.idleMinutes !== wish.idleMinutes)
    await client.clusters.autostop(cluster, wish, { signal });
  return job;
}

/**
 * Runs a task on a cluster that is UP: its working directory is sent, and a `run` that is a function is called with the
 * addresses of the nodes.
 * @throws {DroverError} as `clusters.exec` and `files.send`; INVALID_TASK for a Dag of several tasks
 */
export async function execTask(
  client: Client,
  cluster: string,
  task: Task | Dag,
  options: ExecTaskOptions = {},
): Promise<RequestFuture<Launched>> {
  const { send = sender(client, options), signal, requestId, command, ...body } = options;
  const one = onlyTask(task);
  const addresses = typeof one.run === 'function' ? await addressesOf(client, cluster, signal) : undefined;
  const spec = await one.toSpec(send, addresses && { addresses });
  return await client.clusters.exec(cluster, { ...body, task: spec }, { signal, requestId, command });
}

/** The one task of a chain of one. @throws {DroverError} INVALID_TASK */
function onlyTask(task: Task | Dag): Task {
  if (!(task instanceof Dag)) return task;
  const [one, second] = task.tasks;
  if (one === undefined || second !== undefined)
    return refused('dag', `a cluster runs one task, here are ${task.tasks.length}`);
  return one;
}

/** In the order of their ranks. */
async function addressesOf(
  client: Client,
  cluster: string,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const { nodes } = await client.clusters.get(cluster, { signal });
  return [...nodes].sort((a, b) => a.rank - b.rank).map(({ address }) => address ?? '');
}

const sender =
  (client: Client, { signal }: RequestOptions): SendFiles =>
  (path) =>
    client.files.send(path, { signal });

/** The request has ended with this error; what was thrown is not about reaching the head. */
const hasEnded = (error: unknown): error is DroverError =>
  isDroverError(error) && !['HEAD_UNREACHABLE', 'UNAUTHENTICATED', 'SHUTTING_DOWN'].includes(error.code);
