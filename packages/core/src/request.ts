/**
 * The request machine: a durable wait for what a call has asked for. A request does no work; it is settled by what
 * becomes of its noun, so a crash of the head changes nothing but the time.
 *
 * - PENDING: what it waits for has not begun (an earlier request on the same cluster goes first).
 * - RUNNING: under way.
 * - SUCCEEDED (with a result), FAILED (with an error), CANCELLED: final.
 */
import { step, type TransitionTable } from './transitions.ts';

export const REQUEST_STATUSES = ['PENDING', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED'] as const;
export type RequestStatus = (typeof REQUEST_STATUSES)[number];
export type RequestEvent = 'run' | 'succeed' | 'fail' | 'cancel';

const never = { run: null, succeed: null, fail: null, cancel: null } as const;
const ends = { succeed: 'SUCCEEDED', fail: 'FAILED', cancel: 'CANCELLED' } as const;

export const REQUEST_TABLE: TransitionTable<RequestStatus, RequestEvent> = {
  PENDING: { run: 'RUNNING', ...ends },
  RUNNING: { ...never, ...ends },
  SUCCEEDED: never,
  FAILED: never,
  CANCELLED: never,
};

/** True when nothing will change the status any more. */
export const isRequestFinal = (status: RequestStatus): boolean =>
  status !== 'PENDING' && status !== 'RUNNING';

/** @throws {IllegalTransition} */
export const nextRequestStatus = (from: RequestStatus, event: RequestEvent): RequestStatus =>
  step('request', REQUEST_TABLE, from, event);
