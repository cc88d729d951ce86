/**
 * What an attempt may still hold on a worker after its instance has moved on (replaced elsewhere, or given up): a held
 * reservation that belongs to the worker now, so that nothing is placed there twice over when it returns. It goes when
 * the worker says that nothing is left of the attempt, or is deleted. It also tells that attempt from one of another
 * head: a worker that reports it is told to stop it.
 */
import type { InstanceRow, ReservationRow } from '../state/rows.ts';
import type { Transaction } from '../state/transaction.ts';

const KEY = 'reservations/';

/** The name of a remnant among the keys of controllers, whose others are ids of instances. */
export const remnantKey = (reservationId: string): string => `${KEY}${reservationId}`;

/** @returns the id of its reservation, or null when the key names an instance */
export const remnantIdOf = (key: string): string | null =>
  key.startsWith(KEY) ? key.slice(KEY.length) : null;

/** The instance's held reservation stays behind with its worker; one that waits, or whose worker is gone, goes. */
export function leaveBehind(tx: Transaction, row: InstanceRow): void {
  for (const reservation of tx.ownedBy('reservations', `instances/${row.id}`)) {
    const { workerId } = reservation;
    if (reservation.status !== 'HELD' || workerId === null || !tx.get('workers', workerId))
      tx.delete('reservations', reservation.id);
    else
      tx.put('reservations', {
        ...reservation,
        owner: `workers/${workerId}`,
        leftBy: { instance: row.id, attempt: row.attempt },
      });
  }
}

export const remnantOf = (
  tx: Transaction,
  workerId: string,
  ref: { readonly instance: string; readonly attempt: number },
): ReservationRow | undefined =>
  tx
    .ownedBy('reservations', `workers/${workerId}`)
    .find(({ leftBy }) => leftBy?.instance === ref.instance && leftBy.attempt === ref.attempt);

/** The worker's inventory is known: what it does not hold any more is free. `present` null: it holds nothing unexpected. */
export function clearRemnants(tx: Transaction, workerId: string, present: ReadonlySet<string> | null): void {
  for (const { id, leftBy } of tx.ownedBy('reservations', `workers/${workerId}`))
    if (leftBy && !present?.has(`${leftBy.instance}/${leftBy.attempt}`)) tx.delete('reservations', id);
}
