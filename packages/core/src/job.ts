/**
 * The machine of a cluster's job: one execution of a task, a gang of instances that start and end together.
 *
 * - INIT: submitted; its cluster is being found, or is busy preparing an earlier one.
 * - SETTING_UP: files are laid out and setup runs, on all nodes of the cluster.
 * - PENDING: in the queue; waits for its share of the nodes.
 * - RUNNING: its instances are on their nodes, all of them.
 * - SUCCEEDED (all ended with 0), FAILED (the first that did not ended the others), FAILED_SETUP, FAILED_DRIVER (it was
 *   not the command's doing: no nodes, a lost node, a lost supervisor), CANCELLED: final.
 *
 * A job without a number only prepares: it ends when its setup has.
 */
import { step, type TransitionTable } from './transitions.ts';

export const JOB_STATUSES = [
  'INIT',
  'PENDING',
  'SETTING_UP',
  'RUNNING',
  'FAILED_DRIVER',
  'SUCCEEDED',
  'FAILED',
  'FAILED_SETUP',
  'CANCELLED',
] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];
export type JobEvent =
  | 'setUp'
  | 'queue'
  | 'start'
  | 'succeed'
  | 'fail'
  | 'failSetup'
  | 'failDriver'
  | 'cancel';

const never = {
  setUp: null,
  queue: null,
  start: null,
  succeed: null,
  fail: null,
  failSetup: null,
  failDriver: null,
  cancel: null,
} as const;

export const JOB_TABLE: TransitionTable<JobStatus, JobEvent> = {
  INIT: {
    ...never,
    setUp: 'SETTING_UP',
    queue: 'PENDING',
    succeed: 'SUCCEEDED',
    failDriver: 'FAILED_DRIVER',
    cancel: 'CANCELLED',
  },
  SETTING_UP: {
    ...never,
    queue: 'PENDING',
    succeed: 'SUCCEEDED',
    failSetup: 'FAILED_SETUP',
    failDriver: 'FAILED_DRIVER',
    cancel: 'CANCELLED',
  },
  PENDING: { ...never, start: 'RUNNING', failDriver: 'FAILED_DRIVER', cancel: 'CANCELLED' },
  RUNNING: {
    ...never,
    succeed: 'SUCCEEDED',
    fail: 'FAILED',
    failDriver: 'FAILED_DRIVER',
    cancel: 'CANCELLED',
  },
  FAILED_DRIVER: never,
  SUCCEEDED: never,
  FAILED: never,
  FAILED_SETUP: never,
  CANCELLED: never,
};

const FINAL: ReadonlySet<JobStatus> = new Set([
  'FAILED_DRIVER',
  'SUCCEEDED',
  'FAILED',
  'FAILED_SETUP',
  'CANCELLED',
]);
/** True when nothing will change the status any more. */
export const isJobFinal = (status: JobStatus): boolean => FINAL.has(status);

/** @throws {IllegalTransition} */
export const nextJobStatus = (from: JobStatus, event: JobEvent): JobStatus =>
  step('job', JOB_TABLE, from, event);

/** What a process that stands for a job leaves with. Source: the exit codes of SkyPilot's clients. */
export const JOB_EXIT = {
  succeeded: 0,
  failed: 100,
  notFinished: 101,
  notFound: 102,
  cancelled: 103,
} as const;

/** @param status null: there is no such job */
export function exitCodeOfJob(status: JobStatus | null): number {
  if (status === null) return JOB_EXIT.notFound;
  if (!isJobFinal(status)) return JOB_EXIT.notFinished;
  if (status === 'SUCCEEDED') return JOB_EXIT.succeeded;
  return status === 'CANCELLED' ? JOB_EXIT.cancelled : JOB_EXIT.failed;
}
