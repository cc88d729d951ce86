/** Writes the scheduler's placements: the reservation is held, and its instance gets its next attempt. */
import { nextReservationStatus } from '@drover/core';
import { SYSTEM } from '../actor.ts';
import type { Clock } from '../ports.ts';
import type { Placement } from '../scheduler/types.ts';
import type { State } from '../state/state.ts';
import { moveInstance } from './move.ts';

export function applyPlacements(state: State, clock: Clock, placements: readonly Placement[]): void {
  const now = clock.wallMs();
  state.transact(SYSTEM, (tx) => {
    for (const placement of placements) {
      const reservation = tx.get('reservations', placement.reservation);
      const worker = tx.get('workers', placement.worker);
      if (!reservation || !worker)
        throw new Error(`placement of unknown ${placement.reservation} on ${placement.worker}`);
      const status = nextReservationStatus(reservation.status, 'hold');
      tx.put('reservations', {
        ...reservation,
        status,
        workerId: worker.id,
        gpuIndices: placement.gpuIndices,
      });
      const instance = tx.get('instances', reservation.owner?.replace(/^instances\//, '') ?? '');
      if (!instance) continue;
      moveInstance(tx, instance, 'place', now, {
        attempt: instance.attempt + 1,
        workerId: worker.id,
        workerHost: worker.offer?.host ?? null,
        gpuIndices: placement.gpuIndices.length > 0 ? placement.gpuIndices : null,
        assignedMs: now,
        startedMs: null,
        port: null,
        pid: null,
        log: null,
        released: false,
        reason: null,
      });
    }
  });
}
