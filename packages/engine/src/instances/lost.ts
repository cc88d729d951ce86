/**
 * What becomes of an instance whose worker is gone: it waits, is placed anew, or is given up. A replacement is a new
 * attempt with a higher number; whatever the older one still does is not this instance's any more, and the worker that
 * returns with it is told to stop it.
 */
import type { ReservationId } from '@drover/core';
import type { Reason } from '@drover/core/wire';
import { SYSTEM } from '../actor.ts';
import type { Ports } from '../ports.ts';
import type { InstanceRow } from '../state/rows.ts';
import type { State } from '../state/state.ts';
import type { Transaction } from '../state/transaction.ts';
import { UNPLACED } from './create.ts';
import { moveInstance } from './move.ts';
import { leaveBehind } from './remnants.ts';
import { putReservation } from './spec.ts';

/** The reason of an UNKNOWN instance of which this head's state is too old to know how it stands. */
export const OLDER_STATE = 'OLDER_STATE';

/** An older copy does not know how many attempts there were since: the next one has to be above them all. */
const UNSEEN_ATTEMPTS = 100;

export const isOfOlderState = (row: InstanceRow): boolean =>
  row.status === 'UNKNOWN' && row.reason?.code === OLDER_STATE;

/** One that has lost so many workers is taken for the cause of it: no further worker is given to it. */
const MOST_LOSSES = 5;

/** From UNKNOWN back to PENDING because its worker was lost; given up when it has lost too many. */
export function replaceAfterLoss(
  tx: Transaction,
  ports: Ports,
  row: InstanceRow,
  reason: Reason,
): InstanceRow {
  const losses = (row.losses ?? 0) + 1;
  if (losses < MOST_LOSSES || row.cancel) {
    const next = replaceIn(tx, ports, row, reason);
    const counted = { ...next, losses };
    tx.put('instances', counted);
    return counted;
  }
  const message = `${losses} workers were lost under it, one after the other; it is not tried on another: ${reason.message}`;
  return giveUpIn(tx, row, ports.clock.wallMs(), { code: 'TOO_MANY_LOSSES', message });
}

/** From UNKNOWN back to PENDING. With a cancel under way it ends instead: nobody wants it to run again. */
export function replaceIn(tx: Transaction, ports: Ports, row: InstanceRow, reason: Reason): InstanceRow {
  const nowMs = ports.clock.wallMs();
  if (row.cancel) {
    const words = `cancelled by ${row.cancel.by}; its worker did not return`;
    return giveUpIn(tx, row, nowMs, { code: 'CANCELLED', message: words });
  }
  leaveBehind(tx, row);
  const next = moveInstance(tx, row, 'replace', nowMs, {
    ...UNPLACED,
    reason,
    attempt: row.attempt + (isOfOlderState(row) ? UNSEEN_ATTEMPTS : 0),
  });
  putReservation(tx, next, ports.random.uuid() as ReservationId);
  return next;
}

/** Ends an UNKNOWN instance without its worker: FAILED, or CANCELLED when a cancel was under way. */
export function giveUpIn(tx: Transaction, row: InstanceRow, nowMs: number, reason: Reason): InstanceRow {
  leaveBehind(tx, row);
  return moveInstance(tx, row, row.cancel ? 'cancel' : 'forget', nowMs, { reason, released: true });
}

/**
 * Places anew what asks for it and whose worker has been silent for long enough. Called for OFFLINE workers only.
 * @param silentMs by the monotonic clock
 */
export function replaceLost(state: State, ports: Ports, ids: Iterable<string>, silentMs: number): void {
  const due: InstanceRow[] = [];
  for (const id of ids) {
    const row = state.tables.instances.get(id);
    if (row?.status !== 'UNKNOWN' || isOfOlderState(row)) continue;
    if (row.spec.onWorkerLost === 'replace' && silentMs > (row.spec.lostAfterMs ?? 0)) due.push(row);
  }
  if (due.length === 0 || state.stalled !== null) return;
  state.transact(SYSTEM, (tx) => {
    for (const row of due)
      replaceAfterLoss(tx, ports, row, {
        code: 'REPLACED',
        message: `attempt ${row.attempt} was lost with worker ${row.workerHost ?? row.workerId}, silent for ${Math.round(silentMs / 1000)} s; onWorkerLost is "replace"`,
      });
  });
}

/**
 * This state turned out to be an older copy. What is not confirmed by a worker may have run since: it is not begun
 * again before its worker, or a person, has told.
 * @param loadedSeq newer instances were submitted to this very head
 * @param isConfirmed true for a worker whose inventory this head has judged
 */
export function doubtAll(
  state: State,
  ports: Ports,
  loadedSeq: number,
  isConfirmed: (workerId: string) => boolean,
): number {
  let count = 0;
  const nowMs = ports.clock.wallMs();
  const reason: Reason = {
    code: OLDER_STATE,
    message:
      'this head began from an older copy of its state; it may have run since. Its worker tells when it returns; else "drover instance replace" runs it again and "drover instance forget" gives it up',
  };
  state.transact(SYSTEM, (tx) => {
    for (const row of state.tables.instances.all()) {
      if (row.seq > loadedSeq || (row.workerId !== null && isConfirmed(row.workerId))) continue;
      if (row.status !== 'PENDING' && row.status !== 'ASSIGNED' && row.status !== 'RUNNING') continue;
      if (row.status === 'PENDING') leaveBehind(tx, row);
      moveInstance(tx, row, 'lose', nowMs, { reason });
      count += 1;
    }
  });
  return count;
}
