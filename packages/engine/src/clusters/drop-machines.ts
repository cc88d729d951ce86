/** The machines of a cluster that is not to be. */
import type { Transaction } from '../state/transaction.ts';
import type { ClusterContext } from './controller.ts';
import type { ClusterRow } from './row.ts';

/** All its machines go. */
export function dropMachines({ machines }: ClusterContext, tx: Transaction, row: ClusterRow): void {
  for (const each of tx.ownedBy('machines', `clusters/${row.id}`)) machines.setDesired(tx, each.id, 'GONE');
}

/** All its machines stop; those that were begun for a start that failed, too. */
export function haltMachines({ machines }: ClusterContext, tx: Transaction, row: ClusterRow): void {
  for (const each of tx.ownedBy('machines', `clusters/${row.id}`))
    machines.setDesired(tx, each.id, 'STOPPED');
}
