/** Lines of history for the moves of each noun, so that all read alike. */
import type { Reason } from '@drover/core/wire';
import type { InstanceRow, WorkerRow } from '../state/rows.ts';
import type { Draft, Transaction } from '../state/transaction.ts';

/** @param type the verb that moved it: submit, place, start, complete, fail, cancel, lose ... */
export function recordInstance(
  tx: Transaction,
  type: string,
  before: Pick<InstanceRow, 'status'> | null,
  after: Draft<InstanceRow>,
  reason: Reason | null = null,
): void {
  tx.event({
    noun: 'instances',
    subject: after.id,
    name: after.name,
    type,
    from: before?.status ?? null,
    to: after.status,
    reason,
    cause: after.origin?.requestId,
  });
}

export function recordWorker(
  tx: Transaction,
  type: string,
  from: string | null,
  after: Draft<WorkerRow>,
  reason: Reason | null = null,
): void {
  tx.event({ noun: 'workers', subject: after.id, name: after.name, type, from, to: after.status, reason });
}
