/** The one place where a worker's status is written, with what follows for its instances. */
import { nextWorkerStatus, type WorkerEvent } from '@drover/core';
import type { Reason } from '@drover/core/wire';
import { recordWorker } from '../events/record.ts';
import { moveInstance } from '../instances/move.ts';
import type { WorkerRow } from '../state/rows.ts';
import type { Transaction } from '../state/transaction.ts';

type Patch = Partial<Pick<WorkerRow, 'offer' | 'bootId' | 'lastSeenMs'>>;

/** @returns the new row; a move that changes nothing writes nothing. */
export function moveWorker(
  tx: Transaction,
  row: WorkerRow,
  event: WorkerEvent,
  nowMs: number,
  reason: Reason | null,
  patch: Patch = {},
): WorkerRow {
  const status = nextWorkerStatus(row.status, event);
  if (status === row.status && Object.keys(patch).length === 0) return row;
  const next: WorkerRow = {
    ...row,
    ...patch,
    status,
    reason,
    sinceMs: status === row.status ? row.sinceMs : nowMs,
  };
  tx.put('workers', next);
  if (status !== row.status) recordWorker(tx, event, row.status, next, reason);
  return next;
}

/** OFFLINE: what runs there is UNKNOWN from now on. */
export function giveUpWorker(
  tx: Transaction,
  row: WorkerRow,
  instances: Iterable<string>,
  nowMs: number,
  reason: Reason,
): void {
  moveWorker(tx, row, 'giveUp', nowMs, reason, { lastSeenMs: row.lastSeenMs });
  for (const id of instances) {
    const instance = tx.get('instances', id);
    if (instance?.status === 'ASSIGNED' || instance?.status === 'RUNNING')
      moveInstance(tx, instance, 'lose', nowMs, { reason: null });
  }
}
