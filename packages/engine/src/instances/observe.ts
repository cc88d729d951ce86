/**
 * What a worker says of an attempt, brought into the rows. A report is a fact about one `(instance, attempt)`, whole:
 * saying it twice changes nothing. What it means for the worker is the answer.
 */
import { isFinal, NO_RESOURCES } from '@drover/core';
import type { AttemptFact, ExitFact } from '@drover/core/wire';
import type { Ports } from '../ports.ts';
import type { InstanceRow } from '../state/rows.ts';
import type { Transaction } from '../state/transaction.ts';
import { isBuried } from './departure.ts';
import { isOfOlderState, replaceAfterLoss } from './lost.ts';
import { moveInstance, releaseReservation } from './move.ts';
import { leaveBehind, remnantOf } from './remnants.ts';
import { putHolding } from './spec.ts';

/**
 * known: it is this head's and current. stale: an older attempt, or one that has been given up: the worker is to stop
 * it. logDue: one that has ended so, and whose log is still to be archived. unknown: no trace of it here: the worker
 * keeps it.
 */
export type Verdict = 'known' | 'stale' | 'logDue' | 'unknown';

/** Ends that are the machine's doing, not the command's: `onWorkerLost: replace` covers them. */
const LOST_WITH_MACHINE: ReadonlySet<string> = new Set(['MACHINE_REBOOTED']);

export function observeFact(
  tx: Transaction,
  ports: Ports,
  workerId: string,
  fact: AttemptFact,
  archived: boolean,
): Verdict {
  const row = tx.get('instances', fact.instance);
  const verdict = judge(tx, row, workerId, fact);
  if (verdict === 'stale' && fact.phase === 'RELEASED')
    return endRemnant(tx, row, workerId, fact, archived) ? 'logDue' : 'stale';
  if (verdict !== 'known' || !row) return verdict;
  const nowMs = ports.clock.wallMs();
  const current = fact.attempt > row.attempt ? adopt(tx, ports, row, workerId, fact) : row;
  if (isFinal(current.status)) {
    if (fact.phase === 'RELEASED') {
      settle(tx, current, fact, archived);
      // It was given up while its worker was away. Its log is its own, and archived as such.
      endRemnant(tx, current, workerId, fact, true);
    }
    return current.released && fact.phase !== 'RELEASED' ? 'stale' : 'known';
  }
  if (fact.exit !== null && (fact.phase === 'EXITED' || fact.phase === 'RELEASED')) {
    if (isToBeReplaced(current, fact.exit)) return replaceEnded(tx, ports, current, fact, archived);
    const ended = end(tx, current, fact, fact.exit, nowMs);
    if (fact.phase === 'RELEASED') settle(tx, ended, fact, archived);
  } else if (fact.phase === 'RUNNING') {
    if (current.status !== 'RUNNING')
      moveInstance(tx, current, 'start', nowMs, { ...startOf(current, fact), reason: null });
  } else if (current.status === 'UNKNOWN') {
    moveInstance(tx, current, 'reappearUnstarted', nowMs, { reason: null });
  }
  return 'known';
}

function judge(tx: Transaction, row: InstanceRow | undefined, workerId: string, fact: AttemptFact): Verdict {
  if (!row)
    return isBuried(tx, fact.instance, fact.attempt) || remnantOf(tx, workerId, fact) ? 'stale' : 'unknown';
  if (fact.attempt < row.attempt) return 'stale';
  if (fact.attempt > row.attempt) {
    if (isOfOlderState(row) && fact.attempt <= row.attempt + MOST_AHEAD && tx.get('workers', workerId))
      return 'known';
    // A person decided about it when this copy of the state did not know of the attempt.
    return isFinal(row.status) && GIVEN_UP.has(row.reason?.code ?? '') ? 'stale' : 'unknown';
  }
  // Replaced, and not placed again since.
  if (row.workerId === null) return 'stale';
  // Another worker has this very attempt: this state is an older copy, and what it placed since was placed in ignorance.
  return row.workerId === workerId ? 'known' : 'unknown';
}

/** No instance has had so many attempts that this state does not know of. */
const MOST_AHEAD = 1_000;
const GIVEN_UP: ReadonlySet<string> = new Set(['FORGOTTEN', 'CANCELLED']);

/** An attempt that this copy of the state did not know of, of an instance that it does: it is where it is. */
function adopt(
  tx: Transaction,
  ports: Ports,
  row: InstanceRow,
  workerId: string,
  fact: AttemptFact,
): InstanceRow {
  const worker = tx.get('workers', workerId);
  if (!worker) return row;
  leaveBehind(tx, row);
  const doubted = row.status === 'UNKNOWN' ? row : moveInstance(tx, row, 'lose', ports.clock.wallMs(), {});
  const next: InstanceRow = {
    ...doubted,
    attempt: fact.attempt,
    workerId: worker.id,
    workerHost: worker.offer?.host ?? null,
    assignedMs: fact.startedAtMs,
    startedMs: null,
    port: null,
    pid: null,
    log: null,
    released: false,
  };
  tx.put('instances', next);
  // What runs on a node holds nothing itself.
  if (next.spec.node === null) putHolding(tx, ports, next);
  return next;
}

const startOf = (row: InstanceRow, fact: AttemptFact) => ({
  startedMs: row.startedMs ?? fact.startedAtMs,
  port: fact.port ?? row.port,
  pid: fact.pid ?? row.pid,
});

const isToBeReplaced = (row: InstanceRow, exit: ExitFact): boolean =>
  row.spec.onWorkerLost === 'replace' &&
  row.cancel === null &&
  LOST_WITH_MACHINE.has(exit.reason?.code ?? '');

/** It went down with its machine, which is back and has told so: there is nothing to wait for. */
function replaceEnded(
  tx: Transaction,
  ports: Ports,
  row: InstanceRow,
  fact: AttemptFact,
  archived: boolean,
): Verdict {
  const nowMs = ports.clock.wallMs();
  const reason = fact.exit?.reason ?? null;
  const lost = row.status === 'UNKNOWN' ? row : moveInstance(tx, row, 'lose', nowMs, { reason });
  replaceAfterLoss(tx, ports, lost, {
    code: 'REPLACED',
    message: `attempt ${row.attempt}: ${reason?.message}; onWorkerLost is "replace"`,
  });
  if (fact.phase !== 'RELEASED') return 'stale';
  return endRemnant(tx, row, row.workerId ?? '', fact, archived) ? 'logDue' : 'stale';
}

/**
 * Nothing is left of an attempt that its instance has left behind. What it came to is history, not the result.
 * @returns true when its log is still to be archived, so that its worker has to keep the record
 */
function endRemnant(
  tx: Transaction,
  row: InstanceRow | undefined,
  workerId: string,
  fact: AttemptFact,
  archived: boolean,
): boolean {
  const remnant = remnantOf(tx, workerId, fact);
  if (!remnant?.leftBy) return false;
  const isNew = !remnant.leftBy.ended;
  const isLogDue = row !== undefined && !archived && fact.log.size > fact.log.available;
  if (!isLogDue) tx.delete('reservations', remnant.id);
  else if (isNew) {
    const nothing = { resources: NO_RESOURCES, gpuIndices: [], exclusive: false };
    tx.put('reservations', { ...remnant, ...nothing, leftBy: { ...remnant.leftBy, ended: true } });
  }
  if (isNew) recordStaleEnd(tx, row, workerId, fact);
  return isLogDue;
}

function recordStaleEnd(
  tx: Transaction,
  row: InstanceRow | undefined,
  workerId: string,
  fact: AttemptFact,
): void {
  const how = fact.exit?.code == null ? 'without an exit code' : `with exit code ${fact.exit.code}`;
  const status = row?.status ?? null;
  tx.event({
    noun: 'instances',
    subject: fact.instance,
    name: row?.name ?? null,
    type: 'staleEnd',
    from: status,
    to: status,
    reason: {
      code: 'STALE_ATTEMPT',
      message: `attempt ${fact.attempt} on worker ${workerId} ended ${how}; it does not count any more`,
    },
  });
}

/** A worker whose disk fails may have forgotten that it sent the signal. */
const isByStopSignal = ({ code, signal }: ExitFact): boolean =>
  code === 143 || code === 137 || signal === 'SIGTERM' || signal === 'SIGKILL';

function end(
  tx: Transaction,
  row: InstanceRow,
  fact: AttemptFact,
  exit: ExitFact,
  nowMs: number,
): InstanceRow {
  const isLost = LOST_WITH_MACHINE.has(exit.reason?.code ?? '');
  const cancelled = row.cancel !== null && (exit.stopped || isLost || isByStopSignal(exit));
  // What its worker stopped did not come to its own end, whatever code it left with.
  const event = cancelled ? 'cancel' : exit.code === 0 && !exit.stopped ? 'complete' : 'fail';
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
export function observeAbsence(tx: Transaction, ports: Ports, row: InstanceRow): void {
  const nowMs = ports.clock.wallMs();
  const reason = {
    code: 'LOST_BY_WORKER',
    message: 'the worker has come back without any trace of it',
  };
  // Of an older copy it may have run to its end since: it is not begun again.
  if (row.spec.onWorkerLost === 'replace' && row.cancel === null && !isOfOlderState(row)) {
    const lost = row.status === 'UNKNOWN' ? row : moveInstance(tx, row, 'lose', nowMs, { reason });
    releaseReservation(tx, row.id);
    replaceAfterLoss(tx, ports, lost, { ...reason, code: 'REPLACED' });
    return;
  }
  releaseReservation(tx, row.id);
  moveInstance(tx, row, row.cancel ? 'cancel' : 'fail', nowMs, { released: true, reason });
}
