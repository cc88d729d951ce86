/** Logs of jobs as an archive. The folders in it exist nowhere: each is made of what the job has written. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { DroverError } from '@drover/core';
import type { Actor, JobRow } from '@drover/engine';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ZipFile } from 'yazl';
import { Body } from './body.ts';
import { callerOf, type SkypilotContext } from './context.ts';
import { VERSION_HEADERS } from './dialect.ts';

/** The home that the client puts its own in place of. No path of a job has it in it. */
export const HOME = '/drover-home';
const CLIENTS = '~/.sky/api_server/clients';
const FOLDER = /^~\/\.sky\/api_server\/clients\/[^/]+\/sky_logs\/([^/]+)\/([^/]+)$/;

/** Where the clients look for the logs of a job. They turn it into a folder below `~/sky_logs`. */
export const folderOf = (user: string, cluster: string, taskId: string): string =>
  `${CLIENTS}/${user}/sky_logs/${cluster}/${taskId}`;

/** @throws {DroverError} CLUSTER_NOT_FOUND, JOB_NOT_FOUND before anything is sent */
export async function sendLogs(
  context: SkypilotContext,
  request: FastifyRequest,
  reply: FastifyReply,
  folders: readonly string[],
): Promise<void> {
  const actor = callerOf(context, request, Body.of(request));
  const jobs = folders.map((folder) => ({ folder, job: jobOf(context, actor, folder) }));
  const zip = new ZipFile();
  // One at a time: each is a stream from a worker.
  const filling = (async () => {
    for (const { folder, job } of jobs)
      await addJob(context, actor, reply, zip, folder.replace('~', HOME), job);
    zip.end();
  })();
  filling.catch((error: Error) => (zip.outputStream as Readable).destroy(error));
  const headers = reply.getHeaders() as Record<string, string>;
  reply.hijack();
  reply.raw.writeHead(200, { ...headers, ...VERSION_HEADERS, 'content-type': 'application/zip' });
  await pipeline(zip.outputStream, reply.raw).catch((err: unknown) => {
    context.log.info({ requestId: request.id, err }, 'a download broke off');
    reply.raw.destroy();
  });
}

async function addJob(
  { engine, abortOf }: SkypilotContext,
  actor: Actor,
  reply: FastifyReply,
  zip: ZipFile,
  folder: string,
  job: JobRow,
): Promise<void> {
  const abort = abortOf(reply);
  const lines = engine.work.jobLogs.read(actor, job.id, { follow: false, tail: 0, abort });
  await add(zip, `${folder}/run.log`, lines);
  for (const [rank, id] of job.setupInstances.entries()) {
    const arrival = await engine.logs.read(actor, id, { follow: false, abort }).catch(() => null);
    if (arrival) await add(zip, `${folder}/setup-${rank}.log`, arrival.bytes);
  }
}

/** Resolves when the archive has taken all of it. */
async function add(zip: ZipFile, path: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const stream = Readable.from(bytes, { objectMode: false });
  const taken = new Promise<void>((resolve, reject) => {
    stream.once('end', resolve);
    stream.once('error', reject);
  });
  zip.addReadStream(stream, path.slice(1), { compress: true });
  await taken;
}

function jobOf({ engine }: SkypilotContext, actor: Actor, folder: string): JobRow {
  const [, name = '', taskId = ''] = FOLDER.exec(folder) ?? [];
  const cluster = engine.work.clusters.get(actor, name);
  const job = engine.work.jobs.list(actor, cluster).find((row) => row.taskId === taskId);
  if (!job) throw new DroverError('JOB_NOT_FOUND', { cluster: name, ref: taskId });
  return job;
}
