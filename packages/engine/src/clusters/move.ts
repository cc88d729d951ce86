/** The one place where a cluster's status is written. */
import { type ClusterEvent, nextClusterStatus } from '@drover/core';
import type { Reason } from '@drover/core/wire';
import type { Transaction } from '../state/transaction.ts';
import type { ClusterRow } from './row.ts';

type Patch = Partial<Omit<ClusterRow, 'id' | 'seq' | 'status' | 'rev' | 'v' | 'sinceMs'>>;

/** Moves the cluster by `event` and writes the patch with it. @throws {IllegalTransition} */
export function moveCluster(
  tx: Transaction,
  row: ClusterRow,
  event: ClusterEvent,
  nowMs: number,
  reason: Reason | null,
  patch: Patch = {},
): ClusterRow {
  const status = nextClusterStatus(row.status, event);
  const next: ClusterRow = {
    ...row,
    ...patch,
    status,
    reason,
    sinceMs: status === row.status ? row.sinceMs : nowMs,
    everUp: row.everUp || status === 'UP',
  };
  tx.put('clusters', next);
  if (status !== row.status || reason?.code !== row.reason?.code)
    tx.event({
      noun: 'clusters',
      subject: row.id,
      name: row.name,
      type: event,
      from: row.status,
      to: status,
      reason,
    });
  return tx.get('clusters', row.id) as ClusterRow;
}

/** Writes what is no move. */
export function patchCluster(tx: Transaction, row: ClusterRow, patch: Patch): ClusterRow {
  tx.put('clusters', { ...row, ...patch });
  return tx.get('clusters', row.id) as ClusterRow;
}

/** Nodes are held from now on, at this price. */
export const openUsage = (row: ClusterRow, nowMs: number, pricePerHour: number): ClusterRow['usage'] => [
  ...closeUsage(row, nowMs),
  { fromMs: nowMs, toMs: null, pricePerHour },
];

/** Nothing is held any more. */
export const closeUsage = (row: ClusterRow, nowMs: number): ClusterRow['usage'] =>
  row.usage.map((each) => (each.toMs === null ? { ...each, toMs: nowMs } : each));
