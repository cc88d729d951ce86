/** The nodes of a cluster as rows: what they hold, and whether they are there. */
import type { GangId, ReservationId } from '@drover/core';
import type { Candidate } from '../infra/candidate.ts';
import type { Ports } from '../ports.ts';
import type { ReservationRow } from '../state/rows.ts';
import type { State } from '../state/state.ts';
import type { Transaction } from '../state/transaction.ts';
import type { ClusterNode, ClusterRow } from './row.ts';

export const emptyNode = (rank: number): ClusterNode => ({
  rank,
  reservation: null,
  machine: null,
  workerId: null,
  address: null,
  gpuIndices: [],
});

/**
 * Asks for what the nodes without a reservation need, as one gang. A node that has a worker asks for that one.
 * @param types the machine types that will do; null: any of the place
 */
export function reserve(
  tx: Transaction,
  ports: Ports,
  row: ClusterRow,
  candidate: Candidate,
  types: readonly string[] | null,
): readonly ClusterNode[] {
  const missing = row.nodes.filter((node) => node.reservation === null).length;
  const gang = missing > 1 ? (ports.random.uuid() as GangId) : null;
  const { perNode } = candidate;
  const notOn = row.nodes.flatMap((node) => {
    const held = node.reservation === null ? undefined : tx.get('reservations', node.reservation);
    return node.workerId ?? held?.workerId ?? [];
  });
  return row.nodes.map((node) => {
    if (node.reservation !== null) return node;
    const id = ports.random.uuid() as ReservationId;
    tx.put('reservations', {
      id,
      project: row.project,
      name: null,
      status: 'WAITING',
      owner: `clusters/${row.id}`,
      gang,
      priority: 0,
      resources: {
        cpu: perNode.cpus,
        memoryMiB: Math.floor(perNode.memoryMiB),
        diskMiB: 0,
        gpus: Math.ceil(perNode.gpus),
        ports: 0,
      },
      requestedGpuIndices: null,
      exclusive: true,
      targetWorker: node.workerId,
      place: candidate.machine.infra,
      types: node.workerId === null ? types : null,
      isNode: true,
      ...(node.workerId === null && notOn.length > 0 && { notOn }),
      workerId: null,
      gpuIndices: [],
      leftBy: null,
    });
    return { ...node, reservation: id };
  });
}

/** Gives back what the nodes hold or wait for; where they were stays known. */
export function release(tx: Transaction, row: ClusterRow): readonly ClusterNode[] {
  for (const reservation of tx.ownedBy('reservations', `clusters/${row.id}`))
    tx.delete('reservations', reservation.id);
  return row.nodes.map((node) => ({ ...node, reservation: null, gpuIndices: [] }));
}

export interface NodeStand {
  /** Every node holds what it needs. */
  readonly allHeld: boolean;
  /** Those that wait for room. */
  readonly waiting: readonly ReservationRow[];
}

export function standOf(state: State, row: ClusterRow): NodeStand {
  const waiting: ReservationRow[] = [];
  let held = 0;
  for (const node of row.nodes) {
    const reservation =
      node.reservation === null ? undefined : state.tables.reservations.get(node.reservation);
    if (reservation?.status === 'HELD') held += 1;
    else if (reservation?.status === 'WAITING') waiting.push(reservation);
  }
  return { allHeld: row.nodes.length > 0 && held === row.nodes.length, waiting };
}
