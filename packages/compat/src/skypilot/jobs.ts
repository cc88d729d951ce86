/** The queue of a cluster: `queue`, `job_status`, `cancel`, and the logs of jobs. */
import { DroverError, isJobFinal, type JobStatus } from '@drover/core';
import type { Actor, ClusterRow, JobRow } from '@drover/engine';
import type { FastifyInstance } from 'fastify';
import { claimOf, type SkypilotContext } from './context.ts';
import { folderOf } from './download.ts';
import { viewJob } from './records.ts';
import { sendLines, withHeartbeat } from './stream.ts';
import { type Asked, answerLater, askedOf, change, sayRequest } from './submit.ts';

/** What the clients leave with, by how the job stands. */
const EXIT = { ok: 0, failed: 100, notFinished: 101, notFound: 102, cancelled: 103 } as const;

export function jobRoutes(scope: FastifyInstance, context: SkypilotContext): void {
  const { engine, abortOf } = context;
  const { clusters, jobs, jobLogs } = engine.work;
  const settled = (): Promise<unknown> => engine.state.durableUnlessStalled(engine.state.tables.jobs.lastRev);

  scope.post('/queue', async (request, reply) => {
    const asked = askedOf(context, request, 'queue');
    const { body, actor } = asked;
    const filter = { skipFinished: body.flag('skip_finished'), allUsers: body.flag('all_users') };
    await answerLater(context, reply, asked, async () => {
      const cluster = clusters.getUp(actor, body.text('cluster_name'));
      const rows = jobs.list(actor, cluster, filter);
      await settled();
      return { value: engine.views.clusterJobs(cluster, rows).map(viewJob) };
    });
  });

  scope.post('/job_status', async (request, reply) => {
    const asked = askedOf(context, request, 'job_status');
    const { body, actor } = asked;
    const numbers = body.integers('job_ids');
    await answerLater(context, reply, asked, async () => {
      const cluster = clusters.getUp(actor, body.text('cluster_name'));
      const statuses = jobs.statuses(cluster, numbers);
      await settled();
      // "No job at all" has no number; the clients read every key as one, so it is left out.
      const numbered = [...statuses].filter(([id]) => id !== null);
      return { value: Object.fromEntries(numbered.map(([id, status]) => [String(id), status])) };
    });
  });

  scope.post('/cancel', async (request, reply) => {
    const asked = askedOf(context, request, 'cancel');
    const { body, actor } = asked;
    await change(context, reply, asked, () => {
      const name = body.text('cluster_name');
      const isAnyStatus = body.flag('try_cancel_if_cluster_is_init');
      const cluster = isAnyStatus ? clusters.get(actor, name) : clusters.getUp(actor, name);
      const which = {
        numbers: body.integers('job_ids'),
        all: body.flag('all'),
        allUsers: body.flag('all_users'),
      };
      if (which.numbers !== null && which.numbers.length > 0 && (which.all || which.allUsers))
        throw new DroverError('INVALID_REQUEST', {
          field: 'job_ids',
          rule: 'either some jobs by number, or all of them',
        });
      jobs.cancel(actor, cluster, which);
    });
  });

  scope.post('/logs', async (request, reply) => {
    const asked = askedOf(context, request, 'logs');
    const { body, actor } = asked;
    const number = body.integer('job_id');
    const follow = body.flag('follow', true);
    const tail = Math.max(0, body.integer('tail') ?? 0);
    const abort = abortOf(reply);
    const look = (): JobRow | null =>
      jobOf(context, clusters.getUp(actor, body.text('cluster_name')), number);
    const found = outcomeOf(look);
    let streamed: () => void = () => undefined;
    const streaming = new Promise<void>((resolve) => {
      streamed = resolve;
    });
    // How the job stands is told when its lines have been.
    const call = context.calls.start(asked, async () => {
      if ('error' in found) throw found.error;
      await streaming;
      return { value: exitCodeOf(found.job && (engine.state.tables.jobs.get(found.job.id) ?? found.job)) };
    });
    sayRequest(reply, call.id);
    const missing = number === null ? 'There is no job yet.' : `There is no job ${number}.`;
    const lines =
      'error' in found
        ? textLine('')
        : found.job === null
          ? textLine(missing)
          : withHeartbeat(jobLogs.read(actor, found.job.id, { follow, tail, abort }));
    await sendLines(context, reply, lines).finally(streamed);
  });

  scope.post('/download_logs', async (request, reply) => {
    const asked = askedOf(context, request, 'download_logs');
    const { body, actor } = asked;
    const numbers = body.integers('job_ids');
    await answerLater(context, reply, asked, async () => {
      const cluster = clusters.getUp(actor, body.text('cluster_name'));
      const all = jobs.list(actor, cluster);
      const wanted = numbers && new Set(numbers);
      // Without numbers it is the newest.
      const chosen = wanted === null ? all.slice(0, 1) : all.filter((row) => wanted.has(row.number ?? 0));
      await settled();
      return { value: foldersOf(asked, cluster, chosen) };
    });
  });
}

/** The client turns only what is below its own name into a folder on its side, whosever its token is. */
function foldersOf(
  { actor, body }: Asked,
  cluster: ClusterRow,
  rows: readonly JobRow[],
): Record<string, string> {
  const user = claimOf(body)?.id ?? userIdOf(actor);
  return Object.fromEntries(
    rows.map((row) => [String(row.number), folderOf(user, cluster.name, row.taskId)]),
  );
}

const userIdOf = (actor: Actor): string => actor.user?.id ?? actor.name;

function outcomeOf(look: () => JobRow | null): { job: JobRow | null } | { error: unknown } {
  try {
    return { job: look() };
  } catch (error) {
    return { error };
  }
}

/** Null: there is no such job. */
function jobOf({ engine }: SkypilotContext, cluster: ClusterRow, number: number | null): JobRow | null {
  const { jobs } = engine.work;
  if (number !== null) return jobs.find(cluster, number) ?? null;
  return jobs.list({ kind: 'system', name: 'system', project: cluster.project }, cluster)[0] ?? null;
}

function exitCodeOf(job: JobRow | null | undefined): number {
  if (!job) return EXIT.notFound;
  if (!isJobFinal(job.status)) return EXIT.notFinished;
  const codes: Partial<Record<JobStatus, number>> = { SUCCEEDED: EXIT.ok, CANCELLED: EXIT.cancelled };
  return codes[job.status] ?? EXIT.failed;
}

async function* textLine(text: string): AsyncIterable<Uint8Array> {
  if (text !== '') yield new TextEncoder().encode(`${text}\n`);
}
