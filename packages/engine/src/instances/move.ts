/** The one place where an instance's status is written. */
import { type InstanceEvent, isFinal, nextInstanceStatus } from '@drover/core';
import { recordInstance } from '../events/record.ts';
import type { InstanceRow } from '../state/rows.ts';
import type { Transaction } from '../state/transaction.ts';

type Patch = Partial<Omit<InstanceRow, 'id' | 'seq' | 'status' | 'rev' | 'v' | 'sinceMs'>>;

/**
 * Moves the instance by `event` and writes the patch with it.
 * @returns the new row. @throws {IllegalTransition}
 */
export function moveInstance(
  tx: Transaction,
  row: InstanceRow,
  event: InstanceEvent,
  nowMs: number,
  patch: Patch,
): InstanceRow {
  const status = nextInstanceStatus(row.status, event);
  const next: InstanceRow = {
    ...row,
    ...patch,
    status,
    sinceMs: status === row.status ? row.sinceMs : nowMs,
  };
  const ended = isFinal(status) ? { endedMs: next.endedMs ?? nowMs } : {};
  const moved = { ...next, ...ended };
  tx.put('instances', moved);
  recordInstance(tx, event, row, moved, moved.reason);
  return moved;
}

/** Gives back what the instance holds. Its reservation's history is in the events; the row itself goes. */
export function releaseReservation(tx: Transaction, instanceId: string): void {
  for (const reservation of tx.ownedBy('reservations', `instances/${instanceId}`))
    tx.delete('reservations', reservation.id);
}
