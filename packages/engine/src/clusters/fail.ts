/** A cluster that cannot be had: what it held goes back, and whoever waits is told why. */
import { type DroverError, isJobFinal } from '@drover/core';
import { SYSTEM } from '../actor.ts';
import { cancelJob, moveJob } from '../jobs/move.ts';
import { errorFactOf, reasonOf } from '../requests/service.ts';
import type { ClusterContext } from './controller.ts';
import { dropMachines, haltMachines } from './drop-machines.ts';
import { closeUsage, moveCluster, patchCluster } from './move.ts';
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
    let isBusy = false;
    for (const job of tx.ownedBy('jobs', `clusters/${row.id}`)) {
      if (isJobFinal(job.status)) continue;
      const waits = job.status === 'INIT' || job.status === 'PENDING';
      if (waits) moveJob(tx, job, 'failDriver', now, { reason: reasonOf(fact), error: fact });
      else cancelJob(tx, job, 'its cluster', now, `its cluster could not go on: ${fact.message}`);
      isBusy ||= !waits;
    }
    const failure = { generation: row.generation, error: fact };
    if (isBusy) {
      // What runs on the nodes that are left ends first; then it is stopped as on request.
      const generation = row.generation + 1;
      patchCluster(tx, row, { failure, generation, desired: 'STOPPED', reason: reasonOf(fact) });
      return;
    }
    const kept = row.nodes.some((node) => node.workerId !== null);
    const nodes = release(tx, row);
    if (kept) haltMachines(context, tx, row);
    else dropMachines(context, tx, row);
    const patch = {
      failure,
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
