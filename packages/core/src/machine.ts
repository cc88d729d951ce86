/**
 * The machine machine: one machine of an infra, from the wish until it is gone.
 *
 * - WANTED: the wish is recorded, with the tag under which the provider will know it. The provider has not been asked.
 * - CREATING: the provider is being asked, or its answer was lost; it may exist from now on. Asking again with the same
 *   tag makes no second one.
 * - JOINING: the provider says that it exists; its worker has not joined yet.
 * - READY: its worker has joined and was heard of.
 * - STOPPING, STOPPED, STARTING: it is kept without running, and comes back with its disk and its worker.
 * - TERMINATING: it is being removed, and counts (and costs) until the provider's own list has no trace of it.
 * - FAILED: it did not come up, or ended by itself, for the reason that its row tells. What may be left of it is removed;
 *   the row stays until its owner has taken note.
 * - GONE: nothing of it exists. Final.
 *
 * One writer: the engine's machine controller (and the service that records wishes).
 */
import { step, type TransitionTable } from './transitions.ts';

export const MACHINE_STATUSES = [
  'WANTED',
  'CREATING',
  'JOINING',
  'READY',
  'STOPPING',
  'STOPPED',
  'STARTING',
  'TERMINATING',
  'FAILED',
  'GONE',
] as const;
export type MachineStatus = (typeof MACHINE_STATUSES)[number];

/** What its owner wants of a machine. */
export type MachineDesire = 'RUNNING' | 'STOPPED' | 'GONE';

/**
 * begin: the provider is about to be asked. created: it exists. join: its worker was heard of. halt: it is to stop.
 * stopped: it has. start: it is to run again. terminate: it is to go. fail: it did not come up, or vanished. vanish:
 * nothing of it exists.
 */
export type MachineEvent =
  | 'begin'
  | 'created'
  | 'join'
  | 'halt'
  | 'stopped'
  | 'start'
  | 'terminate'
  | 'fail'
  | 'vanish';

const never = {
  begin: null,
  created: null,
  join: null,
  halt: null,
  stopped: null,
  start: null,
  terminate: null,
  fail: null,
  vanish: null,
} as const;

export const MACHINE_TABLE: TransitionTable<MachineStatus, MachineEvent> = {
  WANTED: { ...never, begin: 'CREATING', fail: 'FAILED', vanish: 'GONE' },
  CREATING: { ...never, created: 'JOINING', join: 'READY', fail: 'FAILED', terminate: 'TERMINATING' },
  JOINING: { ...never, join: 'READY', halt: 'STOPPING', fail: 'FAILED', terminate: 'TERMINATING' },
  READY: { ...never, halt: 'STOPPING', start: 'STARTING', fail: 'FAILED', terminate: 'TERMINATING' },
  STOPPING: {
    ...never,
    stopped: 'STOPPED',
    start: 'STARTING',
    fail: 'FAILED',
    terminate: 'TERMINATING',
  },
  STOPPED: { ...never, start: 'STARTING', fail: 'FAILED', terminate: 'TERMINATING' },
  STARTING: { ...never, join: 'READY', halt: 'STOPPING', fail: 'FAILED', terminate: 'TERMINATING' },
  TERMINATING: { ...never, vanish: 'GONE' },
  FAILED: { ...never, terminate: 'TERMINATING', vanish: 'GONE' },
  GONE: never,
};

/** @throws {IllegalTransition} */
export const nextMachineStatus = (from: MachineStatus, event: MachineEvent): MachineStatus =>
  step('machine', MACHINE_TABLE, from, event);
