/** Why an instance that is not final is as it is: worked out when asked, never stored. */
import { isFinal } from '@drover/core';
import type { Reason } from '@drover/core/wire';
import type { Scheduler } from '../scheduler/scheduler.ts';
import type { InstanceRow } from '../state/rows.ts';
import type { State } from '../state/state.ts';
import { isOfOlderState } from './lost.ts';

/** What becomes of an instance whose worker stays away. */
export function whatFollows({ spec }: InstanceRow): string {
  const seconds = (spec.lostAfterMs ?? 0) / 1000;
  switch (spec.onWorkerLost) {
    case 'wait':
      return 'it goes on when its worker returns';
    case 'replace':
      return `it is placed anew when the silence exceeds ${seconds} s`;
    case 'stop':
      return `its worker stops it when it has had no head for ${seconds} s, and tells so when it returns`;
  }
}

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
      if (isOfOlderState(row)) return row.reason;
      if (worker?.status === 'ONLINE')
        return {
          code: 'WORKER_RETURNED',
          message: `worker ${where} is back, and is about to say how it stands`,
        };
      return {
        code: 'WORKER_OFFLINE',
        message: `worker ${where} has not been heard of; it may still run there; ${whatFollows(row)}; "drover instance replace" runs it again elsewhere, "drover instance forget" gives it up`,
      };
    }
    if (worker && worker.status !== 'ONLINE')
      return { code: 'WORKER_SUSPECT', message: `worker ${where} is ${worker.status}` };
    if (row.status === 'ASSIGNED') return { code: 'STARTING', message: `being started on ${where}` };
    return null;
  };
}
