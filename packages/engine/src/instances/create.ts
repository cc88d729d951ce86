/** A new instance, before it is placed: whoever makes it says for whom, and what. */
import type { InstanceId } from '@drover/core';
import { recordInstance } from '../events/record.ts';
import type { Ports } from '../ports.ts';
import type { InstanceRow } from '../state/rows.ts';
import type { Transaction } from '../state/transaction.ts';

/** What an attempt has before it is placed. */
export const UNPLACED = {
  workerId: null,
  workerHost: null,
  gpuIndices: null,
  port: null,
  pid: null,
  assignedMs: null,
  startedMs: null,
  log: null,
  released: true,
} as const satisfies Partial<InstanceRow>;

type Given = Pick<InstanceRow, 'project' | 'name' | 'owner' | 'spec' | 'submittedBy' | 'origin'>;

export function createInstance(tx: Transaction, ports: Ports, given: Given): InstanceRow {
  const now = ports.clock.wallMs();
  const id = ports.random.uuid() as InstanceId;
  tx.put('instances', {
    id,
    ...given,
    status: 'PENDING',
    createdMs: now,
    sinceMs: now,
    attempt: 0,
    ...UNPLACED,
    endedMs: null,
    exitCode: null,
    signal: null,
    reason: null,
    cancel: null,
    deleting: null,
  });
  const row = tx.get('instances', id) as InstanceRow;
  recordInstance(tx, 'submit', null, row);
  return row;
}
