/** Why an instance is as it is, and what happens next. */
import { isFinal } from '@drover/core';
import type { Explanation, InstanceView } from '@drover/core/wire';
import type { Scheduler } from '../scheduler/scheduler.ts';
import type { InstanceRow } from '../state/rows.ts';
import type { State } from '../state/state.ts';
import { isOfOlderState } from './lost.ts';
import { whatFollows } from './reasons.ts';

export function explainInstance(
  state: State,
  scheduler: Scheduler,
  row: InstanceRow,
  view: InstanceView,
): Explanation {
  const reservation = state.tables.reservations.ownedBy(`instances/${row.id}`)[0];
  const waiting = row.status === 'PENDING' && reservation ? scheduler.explain(reservation) : null;
  return {
    id: row.id,
    status: view.displayStatus,
    reason: waiting?.summary ?? view.reason,
    since: view.since,
    position: waiting?.position ?? null,
    neverFits: waiting?.neverFits ?? false,
    workers: waiting?.workers ?? [],
    nextStep: nextStep(row, waiting?.neverFits ?? false),
  };
}

function nextStep(row: InstanceRow, neverFits: boolean): string {
  if (isFinal(row.status)) return 'nothing: it has ended';
  if (row.cancel && row.status === 'UNKNOWN')
    return 'it ends when its worker is back and has stopped it; "drover instance forget" ends it without';
  if (row.cancel) return 'it ends when its last process has gone';
  if (neverFits)
    return row.spec.targetWorker === null
      ? 'ask for less, or add a worker that is large enough'
      : 'cancel it: the worker that it names cannot hold it, or is gone';
  const steps: Record<string, string> = {
    PENDING: 'it is placed as soon as it fits',
    ASSIGNED: 'its worker starts it',
    RUNNING: 'it runs until it ends or is cancelled',
    UNKNOWN: `${isOfOlderState(row) ? 'its worker tells when it returns' : whatFollows(row)}; "drover instance replace" runs it again, "drover instance forget" gives it up`,
  };
  return steps[row.status] ?? '';
}
