/**
 * Controller: a request ends when what it waits for is there, or cannot come any more. What its noun came to is judged
 * anew each time from the rows, so that nothing is lost with the process.
 */
import { isJobFinal, isRequestFinal } from '@drover/core';
import { SYSTEM } from '../actor.ts';
import type { ClusterRow } from '../clusters/row.ts';
import type { JobRow } from '../jobs/row.ts';
import type { Ports } from '../ports.ts';
import type { Controller } from '../reconcile/reconciler.ts';
import type { State } from '../state/state.ts';
import type { RequestRow } from './row.ts';
import { settleRequest } from './service.ts';

type Outcome =
  | { readonly event: 'run' }
  | { readonly event: 'succeed'; readonly result: unknown }
  | { readonly event: 'fail'; readonly error: NonNullable<RequestRow['error']> }
  | { readonly event: 'cancel'; readonly rule: string };

const OWNER = /^clusters\/(.*)/;

export function requestController(state: State, ports: Ports): Controller {
  const waiting = (clusterId: string | undefined): string[] =>
    clusterId === undefined ? [] : state.openRequests.of(`clusters/${clusterId}`).map((row) => row.id);
  return {
    name: 'requests',
    watches: ({ collection, id, before, after }) => {
      if (collection === 'requests') return after && !before ? [id] : [];
      if (collection === 'clusters')
        return isNews(before as ClusterRow | undefined, after as ClusterRow | undefined) ? waiting(id) : [];
      return collection === 'jobs' && before ? concerned(state, before as JobRow, after as JobRow) : [];
    },
    *all() {
      for (const row of state.tables.requests.all()) if (!isRequestFinal(row.status)) yield row.id;
    },
    reconcile(id) {
      const row = state.tables.requests.get(id);
      if (!row || isRequestFinal(row.status)) return undefined;
      const outcome = outcomeOf(state, row);
      if (outcome === null || (outcome.event === 'run' && row.status === 'RUNNING')) return undefined;
      const now = ports.clock.wallMs();
      state.transact(SYSTEM, (tx) => {
        if (outcome.event === 'succeed') settleRequest(tx, row, 'succeed', now, { result: outcome.result });
        else if (outcome.event === 'fail') settleRequest(tx, row, 'fail', now, { error: outcome.error });
        else if (outcome.event === 'cancel')
          settleRequest(tx, row, 'cancel', now, { reason: { code: 'CANCELLED', message: outcome.rule } });
        else settleRequest(tx, row, 'run', now);
      });
      return undefined;
    },
  };
}

/** What a request waits for: a job more in the queue is not among it. */
const isNews = (before: ClusterRow | undefined, after: ClusterRow | undefined): boolean =>
  before?.status !== after?.status ||
  before?.desired !== after?.desired ||
  before?.failure !== after?.failure;

const isPreparing = ({ status }: JobRow): boolean => status === 'INIT' || status === 'SETTING_UP';

/** The request of this job, and that of the job whose turn it is now. */
function concerned(state: State, before: JobRow, after: JobRow | undefined): string[] {
  const owner = before.owner ?? '';
  const isOver = isPreparing(before) && !(after && isPreparing(after));
  const next = isOver ? state.liveJobs.of(owner).find(isPreparing) : undefined;
  const ids: string[] = [];
  for (const { id, job } of state.openRequests.of(owner))
    if (job !== null && (job === before.id || job === next?.id)) ids.push(id);
  return ids;
}

/** @returns null: nothing new */
function outcomeOf(state: State, row: RequestRow): Outcome | null {
  const cluster = state.tables.clusters.get(OWNER.exec(row.owner ?? '')?.[1] ?? '');
  if (!cluster) return { event: 'cancel', rule: 'its cluster is gone' };
  switch (row.verb) {
    case 'launch':
    case 'exec':
      return ofJob(state, row, cluster);
    case 'start':
      return ofStart(row, cluster);
    case 'stop':
      return ofEnd(row, cluster, cluster.status === 'STOPPED' || cluster.status === 'TERMINATED');
    case 'down':
      return ofEnd(row, cluster, cluster.status === 'TERMINATED');
    default:
      return null;
  }
}

function ofJob(state: State, row: RequestRow, cluster: ClusterRow): Outcome | null {
  const job = row.job === null ? undefined : state.tables.jobs.get(row.job);
  if (!job) return { event: 'cancel', rule: 'its job is gone' };
  if (job.error !== null && job.runInstances.length === 0) return { event: 'fail', error: job.error };
  if (job.status === 'CANCELLED' && job.startedMs === null)
    return { event: 'cancel', rule: job.reason?.message ?? 'its job was cancelled' };
  if (job.status !== 'INIT' && job.status !== 'SETTING_UP') {
    // A launch is done when its cluster is UP; what has ended since is no matter.
    if (row.verb === 'launch' && cluster.status === 'INIT' && !isJobFinal(job.status) && !job.startedMs)
      return { event: 'run' };
    return { event: 'succeed', result: { jobId: job.number, cluster: cluster.name } };
  }
  const isBehind = state.liveJobs
    .of(`clusters/${cluster.id}`)
    .some((each) => each.seq < job.seq && (each.status === 'INIT' || each.status === 'SETTING_UP'));
  return isBehind ? null : { event: 'run' };
}

function ofStart(row: RequestRow, cluster: ClusterRow): Outcome {
  const generation = row.generation ?? 0;
  if (cluster.failure && cluster.failure.generation >= generation)
    return { event: 'fail', error: cluster.failure.error };
  if (cluster.desired !== 'UP') return { event: 'cancel', rule: 'the cluster was told to end meanwhile' };
  if (cluster.status === 'UP') return { event: 'succeed', result: { cluster: cluster.name } };
  return { event: 'run' };
}

function ofEnd(row: RequestRow, cluster: ClusterRow, isDone: boolean): Outcome {
  if (isDone) return { event: 'succeed', result: null };
  const generation = row.generation ?? 0;
  if (cluster.failure && cluster.failure.generation >= generation)
    return { event: 'fail', error: cluster.failure.error };
  if (cluster.desired === 'UP') return { event: 'cancel', rule: 'the cluster was told to go on meanwhile' };
  return { event: 'run' };
}
