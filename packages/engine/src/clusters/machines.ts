/** The machines that are made for a cluster's nodes, where its infra makes one for each. */
import { DroverError } from '@drover/core';
import { SYSTEM } from '../actor.ts';
import type { Candidate } from '../infra/candidate.ts';
import type { MachineRow } from '../machines/row.ts';
import { say, whileNew } from '../requests/service.ts';
import type { ClusterContext } from './controller.ts';
import { dropMachines } from './drop-machines.ts';
import { fail } from './fail.ts';
import { patchCluster } from './move.ts';
import { release } from './nodes.ts';
import type { ClusterRow } from './row.ts';

/**
 * Every node has a machine whose worker is there: those that are missing are asked for.
 * @returns ready: nothing to wait for. waits: machines come. A machine that cannot be had makes its place tried.
 */
export function machinesStep(
  context: ClusterContext,
  row: ClusterRow,
  candidate: Candidate,
): 'ready' | 'waits' {
  const { state, machines, infra } = context;
  const { machine } = candidate;
  if (infra.isShared(machine.infra)) return 'ready';
  if (row.nodes.some((node) => node.machine === null)) {
    state.transact(SYSTEM, (tx) => {
      const nodes = row.nodes.map((node) => {
        if (node.machine !== null) return node;
        const wish = machines.want(tx, {
          project: row.project,
          name: `${row.name}-${node.rank}`,
          owner: `clusters/${row.id}`,
          type: machine,
          spot: candidate.spot,
          requestedBy: row.user.id,
        });
        return { ...node, machine: wish.id };
      });
      patchCluster(tx, row, { nodes });
    });
    return 'waits';
  }
  const rows = row.nodes.map((node) => state.tables.machines.get(node.machine ?? ''));
  const failed = rows.find((each) => each === undefined || each.failure !== null || each.status === 'GONE');
  if (failed !== undefined || rows.includes(undefined)) {
    machineFailed(context, row, candidate, failed);
    return 'waits';
  }
  const stopped = rows.filter((each) => each?.desired === 'STOPPED');
  if (stopped.length > 0) {
    state.transact(SYSTEM, (tx) => {
      for (const each of stopped) if (each) machines.setDesired(tx, each.id, 'RUNNING');
    });
    return 'waits';
  }
  if (!rows.every((each) => each?.status === 'READY' && each.workerId !== null)) return 'waits';
  const isBound = row.nodes.every((node, at) => node.workerId === rows[at]?.workerId);
  if (isBound) return 'ready';
  state.transact(SYSTEM, (tx) => {
    const nodes = row.nodes.map((node, at) => ({ ...node, workerId: rows[at]?.workerId ?? null }));
    patchCluster(tx, row, { nodes });
  });
  return 'waits';
}

/** It could not be had, or was lost: all of this try goes, and the place is passed over in this round. */
function machineFailed(
  context: ClusterContext,
  row: ClusterRow,
  { machine }: Candidate,
  failed: MachineRow | undefined,
): void {
  const reason = failed?.failure ?? { code: 'MACHINE_LOST', message: 'its machine is gone' };
  if (row.nodes.some((node) => node.workerId !== null)) {
    const { infra, region, zone, type } = machine;
    const rule = `a cluster starts again where it was, and its machine cannot be had: ${reason.message}`;
    const failoverHistory = [{ infra, region, zone, type, ...reason }];
    fail(context, row, new DroverError('RESOURCES_UNAVAILABLE', { rule, failoverHistory }));
    return;
  }
  context.state.transact(SYSTEM, (tx) => {
    const { infra, region, zone, type } = machine;
    const where = [infra, region, zone].filter(Boolean).join('/');
    say(context.state, tx, row.id, [{ text: `No ${type} on ${where}: ${reason.message}` }], whileNew);
    release(tx, row);
    dropMachines(context, tx, row);
    patchCluster(tx, row, {
      nodes: [],
      candidate: null,
      tried: [...row.tried, { infra, region, zone, type, ...reason }],
    });
  });
}

/** @returns true when its machines are as they are to be: stopped, or gone */
export function endMachines(context: ClusterContext, row: ClusterRow): boolean {
  const { state, machines } = context;
  const wanted = row.desired === 'GONE' ? 'GONE' : 'STOPPED';
  const rows = state.tables.machines.ownedBy(`clusters/${row.id}`).filter((each) => each.status !== 'GONE');
  const due = rows.filter((each) => each.desired !== wanted && each.desired !== 'GONE');
  if (due.length > 0)
    state.transact(SYSTEM, (tx) => {
      for (const each of due) machines.setDesired(tx, each.id, wanted);
    });
  if (row.purge) return true;
  return rows.every((each) => each.status === wanted || (each.status === 'FAILED' && !each.mayExist));
}
