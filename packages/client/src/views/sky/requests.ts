/** The functions of the seed for requests: what a call gives, what it says meanwhile, which there are, and their end. */
import { DroverError, invalid, isDroverError } from '@drover/core';
import type { ClusterJobView, ClusterView, RequestView } from '@drover/core/wire';
import type { Client } from '../../client.ts';
import type { Launched as LaunchResult } from '../../services/clusters.ts';
import { resultOf } from '../../services/requests.ts';
import type { Launched } from './clusters.ts';
import { inSeedsWords, toSeedError } from './errors.ts';
import { tailOf } from './jobs.ts';
import { type OutputStream, writerTo } from './output.ts';
import { goneHandle, type RequestRecord, viewCluster, viewHandle, viewJob, viewRequest } from './records.ts';
import { asRequest, type RequestId } from './request-id.ts';
import { currentClient } from './session.ts';

/**
 * Waits for the end of a request, of whatever process. @returns what its call gives
 * @throws what its call throws; RequestCancelled; ValueError for an id that is none
 */
export async function get<Result>(requestId: RequestId<Result>): Promise<Result>;
export async function get(requestId: string): Promise<unknown>;
export async function get(requestId: string): Promise<unknown> {
  return await inSeedsWords(async () => await resultFor(await currentClient(), requestId));
}

/** What {@link streamAndGet} takes besides the request. */
export interface StreamOptions {
  /** The `log_path` of a job, or `/v1/requests/<id>/log`, instead of a request. */
  logPath?: string | null | undefined;
  /** Only the last so many lines; absent: all. */
  tail?: number | null | undefined;
  /** Writes what comes until it ends; false: only what there is. */
  follow?: boolean | undefined;
  /** Default: the console. */
  outputStream?: OutputStream | null | undefined;
}

/**
 * Writes what a request says, then waits for its end. Of a log path there is nothing to wait for: it gives null.
 * @param requestId its id, or the beginning of it; null: the newest
 * @returns what its call gives @throws as {@link get}
 */
export async function streamAndGet<Result>(
  requestId: RequestId<Result>,
  options?: StreamOptions,
): Promise<Result>;
export async function streamAndGet(requestId?: string | null, options?: StreamOptions): Promise<unknown>;
export async function streamAndGet(
  requestId: string | null = null,
  { logPath = null, tail = null, follow = true, outputStream = null }: StreamOptions = {},
): Promise<unknown> {
  return await inSeedsWords(async () => {
    const client = await currentClient();
    const options = { follow, tail: tailOf(tail) };
    const write = writerTo(outputStream);
    if (logPath !== null) {
      if (requestId !== null) throw invalid('logPath', 'either this, or a request', logPath);
      for await (const line of logAt(client, logPath, options)) write(line);
      return null;
    }
    const { id } = await client.requests.view(requestId);
    for await (const line of client.requests.stream(id, options)) write(line);
    return await resultFor(client, id);
  });
}

function logAt(
  client: Client,
  path: string,
  options: { follow: boolean; tail: number | undefined },
): AsyncGenerator<string> {
  const job = /^\/v1\/clusters\/([^/]+)\/jobs\/(\d{1,9})\/log$/.exec(path);
  if (job) return client.jobs.log(job[1] ?? '', Number(job[2]), options);
  const request = /^\/v1\/requests\/([^/]+)\/log$/.exec(path);
  if (request) return client.requests.stream(request[1] ?? '', options);
  throw invalid('logPath', 'the log_path of a job, or /v1/requests/<id>/log', path);
}

async function resultFor(client: Client, ref: string): Promise<unknown> {
  const view = await client.requests.wait(ref);
  const result = resultOf<unknown>(view);
  switch (view.name) {
    case 'launch':
    case 'exec':
      return await launchedOf(client, result as LaunchResult);
    case 'status':
      return recordsOf<ClusterView>(result, 'launchedAt', viewCluster);
    case 'queue':
      return recordsOf<ClusterJobView>(result, 'submittedAt', viewJob);
    case 'job_status':
      if (!Array.isArray(result)) return result;
      return new Map(result as [number | null, string | null][]);
    case 'start':
      return null;
    default:
      return result;
  }
}

/** A client of another language keeps other shapes: they are passed on as they are. */
function recordsOf<View extends object>(
  result: unknown,
  mark: keyof View,
  view: (one: View) => object | null,
): unknown {
  const isOurs = Array.isArray(result) && result.every((one) => typeof one === 'object' && mark in one);
  return isOurs ? result.flatMap((one) => view(one) ?? []) : result;
}

async function launchedOf(client: Client, { jobId, cluster }: LaunchResult): Promise<Launched> {
  if (cluster === null) return [jobId, null];
  try {
    return [jobId, viewHandle(await client.clusters.get(cluster))];
  } catch (error) {
    if (isDroverError(error) && error.code === 'CLUSTER_NOT_FOUND') return [jobId, goneHandle(cluster)];
    throw error;
  }
}

/** The requests, newest first; of `requestIds` only those. This is no request itself. */
export async function apiStatus({
  requestIds = null,
  allStatus = false,
}: {
  /** Ids or their beginnings. */
  requestIds?: readonly string[] | null | undefined;
  /** Those that have ended too. */
  allStatus?: boolean | undefined;
} = {}): Promise<RequestRecord[]> {
  return await inSeedsWords(async () => {
    const client = await currentClient();
    const views: RequestView[] = [];
    if (requestIds !== null) for (const id of requestIds) views.push(await client.requests.view(id));
    else for await (const view of client.requests.list({ all: allStatus })) views.push(view);
    return views.map(viewRequest);
  });
}

/**
 * Cancels requests, by ids or their beginnings, or all of everybody.
 * @returns its own request, which gives the ids of those that were cancelled
 * @throws {ValueError} nothing is named
 */
export async function apiCancel({
  requestIds = null,
  allUsers = false,
  silent = false,
}: {
  requestIds?: string | readonly string[] | null | undefined;
  allUsers?: boolean | undefined;
  /** Says nothing on stderr. */
  silent?: boolean | undefined;
} = {}): Promise<RequestId<string[]>> {
  const ids = typeof requestIds === 'string' ? [requestIds] : requestIds;
  if (!allUsers && (ids === null || ids.length === 0))
    throw toSeedError(
      new DroverError('INVALID_REQUEST', { field: 'requestIds', rule: 'name requests, or say allUsers' }),
    );
  return await asRequest('api_cancel', null, async (client) => {
    const cancelled = await client.requests.cancel({ ids: ids ?? undefined, allUsers: ids === null });
    if (!silent) process.stderr.write(`drover: ${cancelled.length} requests cancelled\n`);
    return { result: cancelled };
  });
}
