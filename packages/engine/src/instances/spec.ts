/** From what was asked to what is kept: the specification of an instance, and the reservation that it needs. */
import { DEFAULT_PLACE, LOST_AFTER_MS, type ReservationId } from '@drover/core';
import type { InstanceSubmit } from '@drover/core/wire';
import type { Ports } from '../ports.ts';
import type { InstanceRow, InstanceSpec } from '../state/rows.ts';
import type { Transaction } from '../state/transaction.ts';

export function specOf(input: InstanceSubmit, accounting: 'strict' | 'lenient'): InstanceSpec {
  return {
    command: input.command,
    resources: { ...input.resources, gpus: input.gpuIndices?.length ?? input.resources.gpus },
    gpuIndices: input.gpuIndices ? [...input.gpuIndices].sort((a, b) => a - b) : null,
    exclusive: input.exclusive,
    targetWorker: input.targetWorker ?? null,
    labels: input.labels,
    env: input.env,
    venv: input.venv ?? null,
    workdir: input.workdir ?? null,
    priority: input.priority,
    graceMs: input.graceMs,
    logCapMiB: input.logCapMiB,
    accounting,
    onWorkerLost: input.onWorkerLost,
    lostAfterMs: input.onWorkerLost === 'wait' ? null : (input.lostAfterMs ?? LOST_AFTER_MS),
    node: null,
  };
}

/** What it needs, waiting to be placed. */
export const putReservation = (tx: Transaction, row: InstanceRow, id: ReservationId): void =>
  tx.put('reservations', { ...reservationOf(row), id, status: 'WAITING', workerId: null, gpuIndices: [] });

/** What it needs, held where it runs: for an attempt that another copy of this state placed. */
export const putHolding = (tx: Transaction, ports: Ports, row: InstanceRow): void =>
  tx.put('reservations', {
    ...reservationOf(row),
    id: ports.random.uuid() as ReservationId,
    status: 'HELD',
    workerId: row.workerId,
    gpuIndices: row.gpuIndices ?? [],
  });

/** One port each: an instance always has a PORT. */
function reservationOf(row: InstanceRow) {
  const { spec } = row;
  const counted =
    spec.accounting === 'lenient' ? { ...spec.resources, cpu: 0, memoryMiB: 0 } : spec.resources;
  return {
    project: row.project,
    name: null,
    owner: `instances/${row.id}`,
    gang: null,
    priority: spec.priority,
    resources: { ...counted, ports: 1 },
    requestedGpuIndices: spec.gpuIndices,
    exclusive: spec.exclusive,
    targetWorker: spec.targetWorker,
    place: DEFAULT_PLACE,
    types: null,
    isNode: false,
    leftBy: null,
  };
}
