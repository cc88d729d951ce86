/** How things stand, read from the engine's tables when somebody asks. One walk over each table. */
import {
  CLUSTER_STATUSES,
  INSTANCE_STATUSES,
  JOB_STATUSES,
  MACHINE_STATUSES,
  REQUEST_STATUSES,
  WORKER_STATUSES,
} from '@drover/core';
import type { Engine } from '@drover/engine';
import { counted, type Metric, single } from './metric.ts';

type Counts = ReadonlyMap<string, number>;

function countOf(rows: Iterable<{ readonly status: string }>): Counts {
  const counts = new Map<string, number>();
  for (const { status } of rows) counts.set(status, (counts.get(status) ?? 0) + 1);
  return counts;
}

/** @param since Unix milliseconds since when a row waits; null: it does not @returns infinite when none waits */
function oldestOf<Row>(rows: Iterable<Row>, since: (row: Row) => number | null): number {
  let oldestMs = Number.POSITIVE_INFINITY;
  for (const row of rows) oldestMs = Math.min(oldestMs, since(row) ?? oldestMs);
  return oldestMs;
}

const byStatus = (name: string, help: string, statuses: readonly string[], count: () => Counts): Metric =>
  counted('gauge', name, help, 'status', statuses, count);

/** @param wallMs the time now, as rows have it */
export function stateMetrics(engine: Engine, wallMs: () => number): Metric[] {
  const { state } = engine;
  const { tables } = state;
  const ages = (): Counts => {
    const now = wallMs();
    const age = (oldestMs: number): number =>
      Number.isFinite(oldestMs) ? Math.max(0, now - oldestMs) / 1000 : 0;
    return new Map([
      [
        'instances',
        age(oldestOf(tables.instances.all(), (row) => (row.status === 'PENDING' ? row.sinceMs : null))),
      ],
      [
        'jobs',
        age(
          oldestOf(state.liveJobs.all(), (row) =>
            row.status === 'INIT' || row.status === 'PENDING' ? row.submittedMs : null,
          ),
        ),
      ],
      [
        'requests',
        age(oldestOf(tables.requests.all(), (row) => (row.status === 'PENDING' ? row.createdMs : null))),
      ],
    ]);
  };
  return [
    byStatus(
      'drover_instances',
      'Instances in memory by status; ended ones leave it after an hour, or beyond 20,000.',
      INSTANCE_STATUSES,
      () => countOf(tables.instances.all()),
    ),
    byStatus('drover_workers', 'Workers by status.', WORKER_STATUSES, () => countOf(tables.workers.all())),
    byStatus('drover_clusters', 'Clusters in memory by status.', CLUSTER_STATUSES, () =>
      countOf(tables.clusters.all()),
    ),
    byStatus('drover_jobs', 'Jobs of clusters in memory by status.', JOB_STATUSES, () =>
      countOf(tables.jobs.all()),
    ),
    byStatus('drover_requests', 'Requests in memory by status.', REQUEST_STATUSES, () =>
      countOf(tables.requests.all()),
    ),
    byStatus('drover_machines', 'Machines in memory by status.', MACHINE_STATUSES, () =>
      countOf(tables.machines.all()),
    ),
    counted(
      'gauge',
      'drover_oldest_waiting_seconds',
      'How long the oldest that waits has waited; 0 when nothing does.',
      'noun',
      ['instances', 'jobs', 'requests'],
      ages,
    ),
    single(
      'gauge',
      'drover_scheduler_waiting',
      'Instances and gangs in the queue of the scheduler.',
      () => engine.scheduler.ledger.waiting,
    ),
    single(
      'gauge',
      'drover_commit_queue_changes',
      'Changed rows and events that are not durable yet.',
      () => state.undurable,
    ),
    single('gauge', 'drover_store_stalled', '1 while the store refuses writes or does not answer.', () =>
      state.stalled === null ? 0 : 1,
    ),
    single('gauge', 'drover_state_revision', 'The newest durable revision.', () => state.durableRev),
    single('gauge', 'drover_epoch', 'The epoch of this head; it grows at each start.', () => state.epoch),
  ];
}
