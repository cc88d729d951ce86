/** The functions of the seed for the jobs of a cluster. `tailLogs` and `downloadLogs` do their work before they return. */
import { mkdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { DroverError, invalid } from '@drover/core';
import type { Client } from '../../client.ts';
import type { JobExitCode, JobStatus } from './enums.ts';
import { inSeedsWords } from './errors.ts';
import { type OutputStream, writerTo } from './output.ts';
import { assertUp } from './owner.ts';
import type { JobRecord } from './records.ts';
import { asRequest, type RequestId } from './request-id.ts';
import { currentClient } from './session.ts';

/** @returns its request, which gives the jobs, newest first; throws ClusterDoesNotExist, ClusterNotUpError, ClusterOwnerIdentityMismatchError */
export async function queue(
  clusterName: string,
  {
    skipFinished = false,
    allUsers = false,
  }: { skipFinished?: boolean | undefined; allUsers?: boolean | undefined } = {},
): Promise<RequestId<JobRecord[]>> {
  return await asRequest('queue', clusterName, async (client) => {
    await assertUp(client, clusterName);
    return { result: await client.jobs.list(clusterName, { skipFinished, allUsers }) };
  });
}

/**
 * The status of each; null for one that does not exist. Without numbers: of the newest, `null => null` when there is none.
 * @returns its request, which throws ClusterDoesNotExist, ClusterNotUpError, ClusterOwnerIdentityMismatchError
 */
export async function jobStatus(
  clusterName: string,
  { jobIds = null }: { jobIds?: readonly number[] | null | undefined } = {},
): Promise<RequestId<Map<number | null, JobStatus | null>>> {
  return await asRequest('job_status', clusterName, async (client) => {
    await assertUp(client, clusterName);
    const jobs = await client.jobs.list(clusterName);
    const ids = jobIds ?? [jobs[0]?.jobId ?? null];
    // Pairs: JSON has no null as a key.
    return { result: ids.map((id) => [id, jobs.find(({ jobId }) => jobId === id)?.status ?? null]) };
  });
}

/** What {@link cancel} takes besides the name. */
export interface CancelOptions {
  /** All of the caller. */
  all?: boolean | undefined;
  /** All of everybody. */
  allUsers?: boolean | undefined;
  jobIds?: readonly number[] | null | undefined;
  /** On a cluster that is INIT too. */
  _tryCancelIfClusterIsInit?: boolean | undefined;
}

/**
 * Cancels jobs. Nothing named: the newest of the caller that has not ended.
 * @returns its request, which throws ValueError, ClusterDoesNotExist, ClusterNotUpError, ClusterOwnerIdentityMismatchError
 */
export async function cancel(
  clusterName: string,
  { all = false, allUsers = false, jobIds = null, _tryCancelIfClusterIsInit = false }: CancelOptions = {},
): Promise<RequestId<null>> {
  return await asRequest('cancel', clusterName, async (client) => {
    if (jobIds !== null && (all || allUsers)) throw invalid('jobIds', 'either these, or all', jobIds);
    await assertUp(client, clusterName, { isInitEnough: _tryCancelIfClusterIsInit });
    await client.jobs.cancel(clusterName, { jobIds: jobIds ?? undefined, all, allUsers });
    return { result: null };
  });
}

/**
 * Writes the output of a job, line by line, each with the prefix of its node.
 * @param jobId null: the newest
 * @param follow goes on until it has ended
 * @param options `tail`: only the last so many lines, 0: all; `outputStream`: default the console
 * @throws {ValueError} @throws {ClusterDoesNotExist} @throws {ClusterNotUpError} @throws {ClusterOwnerIdentityMismatchError}
 */
export async function tailLogs(
  clusterName: string,
  jobId: number | null,
  follow: boolean,
  { tail = 0, outputStream = null }: { tail?: number | undefined; outputStream?: OutputStream | null } = {},
): Promise<JobExitCode> {
  return await inSeedsWords(async () => {
    const lines = tailOf(tail);
    const client = await currentClient();
    await assertUp(client, clusterName);
    const options = { follow, tail: lines };
    return (await client.jobs.tail(clusterName, jobId, writerTo(outputStream), options)) as JobExitCode;
  });
}

/**
 * Writes the output of each node of the jobs into files below `~/drover_logs`.
 * @param jobIds null: the newest
 * @returns the folder of each job by its number
 * @throws {ValueError} no such job @throws {ClusterDoesNotExist} @throws {ClusterNotUpError} @throws {ClusterOwnerIdentityMismatchError}
 */
export async function downloadLogs(
  clusterName: string,
  jobIds: readonly number[] | null,
): Promise<Record<string, string>> {
  return await inSeedsWords(async () => {
    const client = await currentClient();
    await assertUp(client, clusterName);
    const folders: Record<string, string> = {};
    for (const id of jobIds ?? [null]) {
      const [number, folder] = await downloadOne(client, clusterName, id);
      folders[number] = folder;
    }
    return folders;
  });
}

async function downloadOne(
  client: Client,
  cluster: string,
  id: number | null,
): Promise<[number: string, folder: string]> {
  const job = await client.jobs.get(cluster, id);
  if (job.jobId === null) throw new DroverError('JOB_NOT_FOUND', { cluster, ref: 'yet' });
  // The id of the task is another one where a later cluster has the same name.
  const root = join(homedir(), 'drover_logs', job.taskId);
  const place = (name: string): string => join(root, name.split('/').slice(1).join('/'));
  await client.jobs.downloadLogs(cluster, job.jobId, {
    mkdir: async (name) => {
      await mkdir(place(name), { recursive: true });
    },
    write: async (name, chunks) => {
      await mkdir(dirname(place(name)), { recursive: true });
      await writeFile(place(name), chunks);
    },
  });
  return [String(job.jobId), root];
}

/** Undefined: all. @throws {DroverError} INVALID_REQUEST */
export function tailOf(tail: number | null): number | undefined {
  if (tail === null || tail === 0) return undefined;
  if (Number.isSafeInteger(tail) && tail > 0) return tail;
  throw invalid('tail', 'a whole number of lines, not negative', tail);
}
