/** The one place where a machine's status is written. */
import { type MachineEvent, nextMachineStatus } from '@drover/core';
import type { Transaction } from '../state/transaction.ts';
import type { MachineRow } from './row.ts';

type Patch = Partial<Omit<MachineRow, 'id' | 'status' | 'sinceMs'>>;

/** Each new status begins with no tries and no alert. @throws {IllegalTransition} */
export function moveMachine(
  tx: Transaction,
  row: MachineRow,
  event: MachineEvent,
  nowMs: number,
  patch: Patch = {},
): MachineRow {
  const status = nextMachineStatus(row.status, event);
  const next: MachineRow = {
    ...row,
    attempts: 0,
    deadlineMs: null,
    alertedMs: null,
    reason: null,
    ...patch,
    status,
    sinceMs: nowMs,
  };
  tx.put('machines', next);
  tx.event({
    noun: 'machines',
    subject: row.id,
    name: row.name,
    type: event,
    from: row.status,
    to: status,
    reason: next.reason,
  });
  return next;
}
