/** What the worker holds in memory of one attempt. */
import type { ExitFact, StartOrder } from '@drover/core/wire';
import type { AttemptKey } from '../agent/ports.ts';
import type { AttemptCgroup } from './cgroups.ts';
import { LogTrimmer } from './logs.ts';
import { isAlive, markFor } from './process.ts';

export type End = Omit<ExitFact, 'stopped'>;

export interface Attempt {
  readonly key: AttemptKey;
  /** `<instance>.<attempt>`: its name in maps, in the cgroup tree and in the environment of its processes. */
  readonly id: string;
  readonly folder: string;
  readonly order: StartOrder;
  readonly log: LogTrimmer;
  port: number;
  cgroup: AttemptCgroup | null;
  /** The shim; null until one has begun. */
  shim: { readonly pid: number; readonly startTicks: number; readonly startedAtMs: number } | null;
  /** Of this machine start: false for what is left of before a reboot, whose pids mean nothing now. */
  ofThisBoot: boolean;
  /** The shim is our child and its end has not been told: its pid cannot be anybody else's. */
  isChild: boolean;
  end: End | null;
  /** The port is ours to give back: not given back yet, and not found again in the record of a finished attempt. */
  holdsPort: boolean;
  /** Somebody listened on its port while it ran. */
  wasBound: boolean;
  /** Members seen while it had GPUs, by which its device memory is known later. */
  readonly gpuPids: Set<number>;
  /** Ends the watch for the end of a shim that is no child of ours. */
  unwatch: (() => void) | null;
}

/** An attempt of which nothing is known but its order. */
export function newAttempt(order: StartOrder, folder: string, port: number): Attempt {
  const key = { instance: order.instance, attempt: order.attempt };
  return {
    key,
    id: markFor(key.instance, key.attempt),
    folder,
    order,
    log: new LogTrimmer(folder, order.logCapBytes),
    port,
    cgroup: null,
    shim: null,
    ofThisBoot: true,
    isChild: false,
    end: null,
    holdsPort: false,
    wasBound: false,
    gpuPids: new Set(),
    unwatch: null,
  };
}

/** True while exactly the process that began the attempt lives. */
export const isShimAlive = (attempt: Attempt): boolean =>
  attempt.shim !== null && attempt.ofThisBoot && (attempt.isChild || isAlive(attempt.shim));
