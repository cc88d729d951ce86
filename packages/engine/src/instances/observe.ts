/**
 * What a worker says of an attempt, brought into the rows. A report is a fact about one `(instance, attempt)`, whole:
 * saying it twice changes nothing. What it means for the worker is the answer.
 */
import { isFinal } from '@drover/core';
import type { AttemptFact, ExitFact } from '@drover/core/wire';
import type { InstanceRow } from '../state/rows.ts';
import type { Transaction } from '../state/transaction.ts';
import { isBuried } from './departure.ts';
import { moveInstance, releaseReservation } from './move.ts';

/**
 * known: it is this head's and current. stale: an older attempt, or one that has been given up: the worker is to stop
 * it. unknown: no trace of it here: the worker keeps it.
 */
export type Verdict = 'known' | 'stale' | 'unknown';

export function observeFact(
  tx: Transaction,
  workerId: string,
  fact: AttemptFact,
  archived: boolean,
  nowMs: number,
): Verdict {
  const row = tx.get('instances', fact.instance);
  if (!row) return isBuried(tx, fact.instance, fact.attempt) ? 'stale' : 'unknown';
  if (fact.attempt > row.attempt) return 'unknown';
  // Another worker has this very attempt: this state is an older copy, and what it placed since was placed in ignorance.
  if (fact.attempt === row.attempt && row.workerId !== workerId) return 'unknown';
  if (fact.attempt < row.attempt) return 'stale';
  if (isFinal(row.status)) {
    if (fact.phase === 'RELEASED') settle(tx, row, fact, archived);
    return row.released && fact.phase !== 'RELEASED' ? 'stale' : 'known';
  }
  if (fact.exit !== null && (fact.phase === 'EXITED' || fact.phase === 'RELEASED')) {
    const ended = end(tx, row, fact, fact.exit, nowMs);
    if (fact.phase === 'RELEASED') settle(tx, ended, fact, archived);
  } else if (fact.phase === 'RUNNING') {
    if (row.status !== 'RUNNING')
      moveInstance(tx, row, 'start', nowMs, { ...startOf(row, fact), reason: null });
  } else if (row.status === 'UNKNOWN') {
    moveInstance(tx, row, 'reappearUnstarted', nowMs, { reason: null });
  }
  return 'known';
}

const startOf = (row: InstanceRow, fact: AttemptFact) => ({
  startedMs: row.startedMs ?? fact.startedAtMs,
  port: fact.port ?? row.port,
  pid: fact.pid ?? row.pid,
});

function end(
  tx: Transaction,
  row: InstanceRow,
  fact: AttemptFact,
  exit: ExitFact,
  nowMs: number,
): InstanceRow {
  const cancelled = row.cancel !== null && exit.stopped;
  const event = cancelled ? 'cancel' : exit.code === 0 ? 'complete' : 'fail';
  const stopped = exit.stopped ? { code: 'STOPPED_BY_WORKER', message: 'stopped by its worker' } : null;
  const reason = cancelled
    ? { code: 'CANCELLED', message: `cancelled by ${row.cancel?.by ?? '?'}` }
    : (exit.reason ?? stopped);
  return moveInstance(tx, row, event, nowMs, {
    ...startOf(row, fact),
    endedMs: exit.atMs,
    exitCode: exit.code,
    signal: exit.signal,
    reason:
      exit.reason && cancelled
        ? { code: 'CANCELLED', message: `${reason?.message}; ${exit.reason.message}` }
        : reason,
    log: { ...fact.log, archived: false },
  });
}

/** Everything of it is gone from the worker: the resources are free. */
function settle(tx: Transaction, row: InstanceRow, fact: AttemptFact, archived: boolean): void {
  const log = {
    ...fact.log,
    archived: archived || row.log?.archived === true || fact.log.size === fact.log.available,
  };
  if (row.released && row.log?.archived === log.archived && row.log.size === log.size) return;
  releaseReservation(tx, row.id);
  tx.put('instances', { ...row, released: true, log });
}

/** An attempt that the worker should have and has no trace of. */
export function observeAbsence(tx: Transaction, row: InstanceRow, nowMs: number): void {
  releaseReservation(tx, row.id);
  moveInstance(tx, row, row.cancel ? 'cancel' : 'fail', nowMs, {
    released: true,
    reason: { code: 'LOST_BY_WORKER', message: 'the worker has come back without any trace of it' },
  });
}
