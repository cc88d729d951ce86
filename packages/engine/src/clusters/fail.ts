/** A cluster that cannot be had: what it held goes back, and whoever waits is told why. */
import type { DroverError } from '@drover/core';
import { SYSTEM } from '../actor.ts';
import { moveJob } from '../jobs/move.ts';
import { errorFactOf, reasonOf } from '../requests/service.ts';
import type { ClusterContext } from './controller.ts';
import { dropMachines } from './drop-machines.ts';
import { closeUsage, moveCluster } from './move.ts';
import { release } from './nodes.ts';
import type { ClusterRow } from './row.ts';

/** @param options forgetCluster: nothing of it was ever there, so nothing is left of it but the error */
export function fail(
  context: ClusterContext,
  row: ClusterRow,
  error: DroverError,
  options: { readonly forgetCluster?: boolean } = {},
): void {
  const { state, ports } = context;
  const now = ports.clock.wallMs();
  const fact = errorFactOf(error);
  state.transact(SYSTEM, (tx) => {
    for (const job of tx.ownedBy('jobs', `clusters/${row.id}`))
      if (job.status === 'INIT') moveJob(tx, job, 'failDriver', now, { reason: reasonOf(fact), error: fact });
    const kept = row.nodes.some((node) => node.workerId !== null);
    const nodes = release(tx, row);
    if (!kept) dropMachines(context, tx, row);
    const patch = {
      failure: { generation: row.generation, error: fact },
      nodes: kept ? nodes : [],
      candidate: kept ? row.candidate : null,
      usage: closeUsage(row, now),
    };
    if (options.forgetCluster && row.homesLeft.length === 0 && !kept) {
      moveCluster(tx, row, 'terminate', now, reasonOf(fact), { ...patch, desired: 'GONE' });
      return;
    }
    const next = `"drover launch -c ${row.name}" tries again, "drover cluster down ${row.name}" removes it`;
    // What was stopped stays so: its homes are where they were.
    const event = kept ? 'stop' : 'begin';
    const desired = kept ? 'STOPPED' : row.desired;
    const reason = { code: fact.code, message: `${fact.message}; ${next}` };
    moveCluster(tx, row, event, now, reason, { ...patch, desired });
  });
}
