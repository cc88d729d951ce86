/** Nodes whose worker is not heard of, or is gone. */
import { isJobFinal } from '@drover/core';
import { SYSTEM } from '../actor.ts';
import { giveUpIn } from '../instances/lost.ts';
import type { Transaction } from '../state/transaction.ts';
import type { ClusterContext } from './controller.ts';
import { moveCluster, patchCluster } from './move.ts';
import { emptyNode } from './nodes.ts';
import type { ClusterNode, ClusterRow } from './row.ts';

/**
 * A node whose worker is OFFLINE makes the cluster INIT until it is back; nothing is taken from it. When somebody
 * launches on it again, or its worker was deleted, the node is found anew: without its home.
 * @returns null when all nodes that it has are there
 */
export function loseNodes(context: ClusterContext, row: ClusterRow): { againMs: undefined } | null {
  const { state, ports } = context;
  const now = ports.clock.wallMs();
  const away = row.nodes.filter((node) => isHeld(node) && isAway(context, node));
  if (away.length === 0) {
    if (row.reason?.code === 'NODE_LOST')
      state.transact(SYSTEM, (tx) => {
        const busy = { code: 'PROVISIONING', message: 'all its nodes are back' };
        moveCluster(tx, row, 'begin', now, busy);
      });
    return null;
  }
  const isWanted = state.liveJobs
    .of(`clusters/${row.id}`)
    .some((job) => job.status === 'INIT' && job.prepares.mounts);
  const gone = away.filter((node) => isWanted || !state.tables.workers.get(node.workerId ?? ''));
  if (gone.length > 0) {
    state.transact(SYSTEM, (tx) => {
      for (const node of gone) if (node.reservation !== null) tx.delete('reservations', node.reservation);
      giveUpOn(tx, row, new Set(gone.map((node) => node.workerId)), now);
      const left = gone
        .filter((node) => tx.get('workers', node.workerId ?? ''))
        .map((node) => ({ workerId: node.workerId as never, rank: node.rank }));
      const nodes = row.nodes.map((node) => (gone.includes(node) ? emptyNode(node.rank) : node));
      patchCluster(tx, row, {
        nodes: nodes.every((node) => node.workerId === null) ? [] : nodes,
        homesLeft: [...row.homesLeft, ...left],
      });
    });
    return { againMs: undefined };
  }
  if (row.reason?.code === 'NODE_LOST') return { againMs: undefined };
  const names = away.map((node) => `node ${node.rank} (${node.address})`).join(', ');
  const message = `${names} is not heard of; it goes on when it is back, "drover launch -c ${row.name}" puts another in its place, "drover cluster down --purge ${row.name}" gives it up`;
  state.transact(SYSTEM, (tx) => moveCluster(tx, row, 'degrade', now, { code: 'NODE_LOST', message }));
  return { againMs: undefined };
}

/** What ran there is not part of this cluster any more: its jobs end without it, and it is stopped when it is back. */
function giveUpOn(tx: Transaction, row: ClusterRow, workers: ReadonlySet<string | null>, now: number): void {
  const reason = { code: 'FORGOTTEN', message: `another node was put in its place in cluster ${row.name}` };
  for (const job of tx.ownedBy('jobs', `clusters/${row.id}`))
    for (const instance of isJobFinal(job.status) ? [] : tx.ownedBy('instances', `jobs/${job.id}`))
      if (instance.status === 'UNKNOWN' && workers.has(instance.workerId))
        giveUpIn(tx, instance, now, reason);
}

const isHeld = (node: ClusterNode): boolean => node.reservation !== null && node.workerId !== null;

function isAway({ state }: ClusterContext, node: ClusterNode): boolean {
  const worker = node.workerId === null ? undefined : state.tables.workers.get(node.workerId);
  return worker === undefined || worker.status === 'OFFLINE';
}
