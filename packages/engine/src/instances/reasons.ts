/** Why an instance that is not final is as it is: worked out when asked, never stored. */
import { isFinal } from '@drover/core';
import type { Reason } from '@drover/core/wire';
import type { Scheduler } from '../scheduler/scheduler.ts';
import type { InstanceRow } from '../state/rows.ts';
import type { State } from '../state/state.ts';

/** @returns a function that is cheap for many rows at the same state. */
export function reasoner(state: State, scheduler: Scheduler): (row: InstanceRow) => Reason | null {
  const summarise = scheduler.summariser();
  return (row) => {
    if (isFinal(row.status)) return row.reason;
    if (row.status === 'PENDING') {
      const reservation = state.tables.reservations.ownedBy(`instances/${row.id}`)[0];
      return (
        (reservation && summarise(reservation)) ?? { code: 'BEING_PLACED', message: 'about to be placed' }
      );
    }
    const worker = row.workerId === null ? undefined : state.tables.workers.get(row.workerId);
    const where = worker?.offer?.host ?? row.workerId ?? '?';
    if (row.cancel) {
      const grace = `SIGKILL follows ${row.cancel.graceMs / 1000} s after SIGTERM`;
      if (worker?.status === 'ONLINE')
        return { code: 'CANCELLING', message: `being stopped on ${where}; ${grace}` };
      return {
        code: 'CANCELLING',
        message: `waits for worker ${where} (${worker?.status ?? 'gone'}) to stop it`,
      };
    }
    if (row.status === 'UNKNOWN') {
      return {
        code: 'WORKER_OFFLINE',
        message: `worker ${where} has not been heard of; it may still run there. It goes on when the worker returns; "drover instance forget" gives it up`,
      };
    }
    if (worker && worker.status !== 'ONLINE')
      return { code: 'WORKER_SUSPECT', message: `worker ${where} is ${worker.status}` };
    if (row.status === 'ASSIGNED') return { code: 'STARTING', message: `being started on ${where}` };
    return null;
  };
}
