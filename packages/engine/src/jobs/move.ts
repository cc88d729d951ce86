/** The one place where a job's status is written. */
import { isFinal, isJobFinal, type JobEvent, nextJobStatus } from '@drover/core';
import type { Transaction } from '../state/transaction.ts';
import type { JobRow } from './row.ts';

type Patch = Partial<Omit<JobRow, 'id' | 'seq' | 'status' | 'rev' | 'v'>>;

/** Moves the job by `event` and writes the patch with it. @throws {IllegalTransition} */
export function moveJob(
  tx: Transaction,
  row: JobRow,
  event: JobEvent,
  nowMs: number,
  patch: Patch = {},
): JobRow {
  const status = nextJobStatus(row.status, event);
  const next: JobRow = {
    ...row,
    ...patch,
    status,
    startedMs: row.startedMs ?? (status === 'RUNNING' ? nowMs : null),
    endedMs: isJobFinal(status) ? nowMs : null,
  };
  tx.put('jobs', next);
  tx.event({
    noun: 'jobs',
    subject: row.id,
    name: row.name,
    type: event,
    from: row.status,
    to: status,
    reason: next.reason,
  });
  return tx.get('jobs', row.id) as JobRow;
}

/** What is left of it on the nodes is asked to end. */
export function endInstances(
  tx: Transaction,
  row: JobRow,
  by: string,
  nowMs: number,
  graceMs?: number,
): void {
  for (const id of [...row.setupInstances, ...row.runInstances]) {
    const instance = tx.get('instances', id);
    if (!instance || isFinal(instance.status) || instance.cancel) continue;
    tx.put('instances', {
      ...instance,
      cancel: { atMs: nowMs, by, graceMs: graceMs ?? instance.spec.graceMs },
    });
  }
}

/**
 * Ends it because somebody wants so. What waits ends at once; what runs when its last process has gone.
 * @param by in words, for its reason
 */
export function cancelJob(tx: Transaction, row: JobRow, by: string, nowMs: number, rule?: string): JobRow {
  if (isJobFinal(row.status) || row.cancel) return row;
  const cancel = { atMs: nowMs, by };
  const reason = { code: 'CANCELLED', message: rule ?? `cancelled by ${by}` };
  if (row.status === 'INIT' || row.status === 'PENDING')
    return moveJob(tx, row, 'cancel', nowMs, { cancel, reason });
  endInstances(tx, row, by, nowMs);
  tx.put('jobs', { ...row, cancel, reason });
  return tx.get('jobs', row.id) as JobRow;
}
