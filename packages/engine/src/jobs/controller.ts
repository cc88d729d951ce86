/** Controller: each job that has instances ends with them. */
import { type InstanceStatus, isFinal, isJobFinal } from '@drover/core';
import type { ErrorFact } from '@drover/core/wire';
import { SYSTEM } from '../actor.ts';
import type { Ports } from '../ports.ts';
import type { Controller } from '../reconcile/reconciler.ts';
import { say } from '../requests/service.ts';
import type { InstanceRow } from '../state/rows.ts';
import type { State } from '../state/state.ts';
import type { Transaction } from '../state/transaction.ts';
import { endInstances, moveJob } from './move.ts';
import type { JobRow } from './row.ts';

/** When one node fails, how long the others have to end. */
const GANG_GRACE_MS = 5_000;

const JOB_OWNER = /^jobs\/(.*)/;

export function jobController(state: State, ports: Ports): Controller {
  return {
    name: 'jobs',
    watches: ({ collection, id, before, after }) => {
      if (collection === 'jobs') return after ? [id] : [];
      if (collection !== 'instances') return [];
      const job = JOB_OWNER.exec(((after ?? before) as InstanceRow | undefined)?.owner ?? '')?.[1];
      return job === undefined ? [] : [job];
    },
    *all() {
      for (const row of state.tables.jobs.all()) if (!isJobFinal(row.status)) yield row.id;
    },
    reconcile(id) {
      const job = state.tables.jobs.get(id);
      if (job?.status === 'SETTING_UP') observe(state, ports, job, job.setupInstances);
      else if (job?.status === 'RUNNING') observe(state, ports, job, job.runInstances);
      return undefined;
    },
  };
}

function observe(state: State, ports: Ports, job: JobRow, ids: readonly string[]): void {
  const rows: InstanceRow[] = [];
  for (const id of ids) {
    const row = state.tables.instances.get(id);
    if (row) rows.push(row);
  }
  const now = ports.clock.wallMs();
  const failed = firstFailure(rows);
  const isOver = rows.every((row) => isFinal(row.status) && row.released);
  if (!isOver) {
    // One that fails ends the others: a gang goes on whole or not at all.
    const others = rows.some((row) => !isFinal(row.status) && row.cancel === null);
    if (failed && others)
      state.transact(SYSTEM, (tx) => endInstances(tx, job, 'its job', now, GANG_GRACE_MS));
    return;
  }
  state.transact(SYSTEM, (tx) => {
    if (job.status === 'SETTING_UP') endSetup(state, tx, job, failed, now);
    else endRun(tx, job, failed, rows, now);
  });
}

/** The one that failed first by itself. One that was lost is missing here: then the rest is judged. */
function firstFailure(rows: readonly InstanceRow[]): InstanceRow | null {
  const isFailure = (status: InstanceStatus): boolean => status === 'FAILED';
  const failed = rows.filter((row) => isFailure(row.status));
  return failed.sort((a, b) => (a.endedMs ?? 0) - (b.endedMs ?? 0))[0] ?? null;
}

const howItEnded = (row: InstanceRow): string => {
  if (row.reason) return row.reason.message;
  if (row.signal !== null) return `ended by ${row.signal}`;
  return `exit code ${row.exitCode}`;
};

const nodeOf = (row: InstanceRow): string =>
  `node ${row.spec.node?.rank ?? '?'} (${row.workerHost ?? row.workerId ?? '?'})`;

function endSetup(state: State, tx: Transaction, job: JobRow, failed: InstanceRow | null, now: number): void {
  if (job.cancel) {
    moveJob(tx, job, 'cancel', now);
    return;
  }
  if (!failed) {
    const queued = moveJob(tx, job, job.number === null ? 'succeed' : 'queue', now);
    const clusterId = queued.owner?.replace(/^clusters\//, '') ?? '';
    const isMine = (request: { job: string | null }): boolean => request.job === job.id;
    say(state, tx, clusterId, [{ text: 'Setup completed.' }], isMine);
    return;
  }
  const message = `setup on ${nodeOf(failed)}: ${howItEnded(failed)}`;
  const reason = { code: 'SETUP_FAILED', message };
  const error: ErrorFact = {
    code: 'COMMAND_FAILED',
    message: `setup failed with exit code ${failed.exitCode ?? '?'} on ${nodeOf(failed)}: ${howItEnded(failed)}`,
    details: {
      what: 'setup',
      exitCode: failed.exitCode,
      rule: howItEnded(failed),
      command: job.task.setup ?? '',
      instance: failed.id,
    },
  };
  moveJob(tx, job, 'failSetup', now, { reason, error, exitCode: failed.exitCode });
}

function endRun(
  tx: Transaction,
  job: JobRow,
  failed: InstanceRow | null,
  rows: readonly InstanceRow[],
  now: number,
): void {
  if (failed) {
    const reason = { code: 'RUN_FAILED', message: `${nodeOf(failed)}: ${howItEnded(failed)}` };
    // Without an exit code it was not the command that failed.
    const isOwn = failed.exitCode !== null || failed.signal !== null;
    if (job.cancel) moveJob(tx, job, 'cancel', now, { exitCode: failed.exitCode });
    else moveJob(tx, job, isOwn ? 'fail' : 'failDriver', now, { reason, exitCode: failed.exitCode });
    return;
  }
  const cancelled = rows.find((row) => row.status === 'CANCELLED');
  if (job.cancel || cancelled) {
    const reason = job.reason ?? cancelled?.reason ?? null;
    moveJob(tx, job, 'cancel', now, { reason });
    return;
  }
  moveJob(tx, job, 'succeed', now, { exitCode: 0 });
}
