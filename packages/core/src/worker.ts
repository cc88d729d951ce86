/**
 * The worker machine, as the head sees it.
 *
 * - ONLINE: its link is open and its pings are answered in time. Only these get new work.
 * - SUSPECT: its link is lost or its pings are late. Keeps what it runs, gets nothing new.
 * - OFFLINE: not heard of for the whole offline time. Its instances are UNKNOWN. Only these may be deleted.
 */
import { step, type TransitionTable } from './transitions.ts';

export const WORKER_STATUSES = ['ONLINE', 'SUSPECT', 'OFFLINE'] as const;
export type WorkerStatus = (typeof WORKER_STATUSES)[number];
export type WorkerEvent = 'hear' | 'doubt' | 'giveUp';

export const WORKER_TABLE: TransitionTable<WorkerStatus, WorkerEvent> = {
  ONLINE: { hear: 'ONLINE', doubt: 'SUSPECT', giveUp: 'OFFLINE' },
  SUSPECT: { hear: 'ONLINE', doubt: 'SUSPECT', giveUp: 'OFFLINE' },
  OFFLINE: { hear: 'ONLINE', doubt: null, giveUp: 'OFFLINE' },
};

/** @throws {IllegalTransition} */
export const nextWorkerStatus = (from: WorkerStatus, event: WorkerEvent): WorkerStatus =>
  step('worker', WORKER_TABLE, from, event);
