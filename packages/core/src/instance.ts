/**
 * The instance machine.
 *
 * - PENDING: wanted, and no reservation is held. The scheduler leaves it by `place`; a cancel ends it at once.
 * - ASSIGNED: a reservation is held on one worker and the attempt has its number; the worker may or may not have
 *   started the command. A command that ends before its start was heard of goes straight to its end.
 * - RUNNING: the worker has reported the process.
 * - UNKNOWN: nobody can say how it stands. Its worker is OFFLINE, and the process may live on; or this head's state is
 *   an older copy, and it may have run since. The worker's return, its report of an end, a person (`replace`, `forget`)
 *   or the instance's own `onWorkerLost` leaves it. What was ASSIGNED goes back to ASSIGNED (`reappearUnstarted`).
 * - COMPLETED (exit code 0), FAILED (anything else, or a failed start), CANCELLED (ended because a person asked):
 *   final, never left.
 *
 * One writer: the engine's instance service. `CANCELLING` is not a state: it is how a cancel under way is shown.
 */
import { step, type TransitionTable } from './transitions.ts';

export const INSTANCE_STATUSES = [
  'PENDING',
  'ASSIGNED',
  'RUNNING',
  'UNKNOWN',
  'COMPLETED',
  'FAILED',
  'CANCELLED',
] as const;
export type InstanceStatus = (typeof INSTANCE_STATUSES)[number];

/** What becomes of an instance whose worker is not heard of any more. */
export const WORKER_LOST_POLICIES = ['wait', 'replace', 'stop'] as const;
export type WorkerLostPolicy = (typeof WORKER_LOST_POLICIES)[number];
/** Silence after which `replace` and `stop` act, when nothing is said. */
export const LOST_AFTER_MS = 60_000;

export type InstanceEvent =
  | 'place'
  | 'start'
  | 'complete'
  | 'fail'
  | 'cancel'
  | 'lose'
  | 'reappearUnstarted'
  | 'replace'
  | 'forget';

const never = {
  place: null,
  start: null,
  complete: null,
  fail: null,
  cancel: null,
  lose: null,
  reappearUnstarted: null,
  replace: null,
  forget: null,
} as const;

export const INSTANCE_TABLE: TransitionTable<InstanceStatus, InstanceEvent> = {
  PENDING: { ...never, place: 'ASSIGNED', cancel: 'CANCELLED', lose: 'UNKNOWN' },
  ASSIGNED: {
    ...never,
    start: 'RUNNING',
    complete: 'COMPLETED',
    fail: 'FAILED',
    cancel: 'CANCELLED',
    lose: 'UNKNOWN',
  },
  RUNNING: { ...never, complete: 'COMPLETED', fail: 'FAILED', cancel: 'CANCELLED', lose: 'UNKNOWN' },
  UNKNOWN: {
    ...never,
    start: 'RUNNING',
    reappearUnstarted: 'ASSIGNED',
    complete: 'COMPLETED',
    fail: 'FAILED',
    cancel: 'CANCELLED',
    replace: 'PENDING',
    forget: 'FAILED',
  },
  COMPLETED: never,
  FAILED: never,
  CANCELLED: never,
};

const FINAL: ReadonlySet<InstanceStatus> = new Set(['COMPLETED', 'FAILED', 'CANCELLED']);

/** True when nothing will change the status any more. */
export const isFinal = (status: InstanceStatus): boolean => FINAL.has(status);

/** @throws {IllegalTransition} */
export const nextInstanceStatus = (from: InstanceStatus, event: InstanceEvent): InstanceStatus =>
  step('instance', INSTANCE_TABLE, from, event);
