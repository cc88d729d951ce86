/** From what was asked to what is kept: the specification of an instance, and the reservation that it needs. */
import type { ReservationId } from '@drover/core';
import type { InstanceSubmit } from '@drover/core/wire';
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
  };
}

/** One port each: an instance always has a PORT. */
export function putReservation(tx: Transaction, row: InstanceRow, id: ReservationId): void {
  const { spec } = row;
  const counted =
    spec.accounting === 'lenient' ? { ...spec.resources, cpu: 0, memoryMiB: 0 } : spec.resources;
  tx.put('reservations', {
    id,
    project: row.project,
    name: null,
    status: 'WAITING',
    owner: `instances/${row.id}`,
    gang: null,
    priority: spec.priority,
    resources: { ...counted, ports: 1 },
    requestedGpuIndices: spec.gpuIndices,
    exclusive: spec.exclusive,
    targetWorker: spec.targetWorker,
    workerId: null,
    gpuIndices: [],
  });
}
