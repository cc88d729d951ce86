/** What the worker holds in memory of one attempt. */
import type { ExitFact, StartOrder } from '@drover/core/wire';
import type { AttemptKey } from '../agent/ports.ts';
import { LogTrimmer } from './log-trimmer.ts';
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
  /** Folder of its cgroup; null when it has none. */
  cgroup: string | null;
  /** The shim; null until one has begun. Its start time is null when we started it: see `isChild`. */
  shim: { readonly pid: number; readonly startTicks: number | null; readonly startedAtMs: number } | null;
  /** Of this machine start: false for what is left of before a reboot, whose pids mean nothing now. */
  ofThisBoot: boolean;
  /** Whoever started the shim, this process or its spawner, has not told that it is gone, and will. */
  isChild: boolean;
  /** Its shim keeps the log under the cap: nobody else need. */
  rotates: boolean;
  /** Its record was lost: it is never begun, whatever its folder lacks. */
  isRebuilt: boolean;
  /** A signal was sent to it. */
  wasSignalled: boolean;
  /** Processes with its mark outside its cgroup: not looked for yet, found, or looked for and not there. */
  strays: 'unknown' | 'some' | 'none';
  /** The shim was seen to have started the command: signals reach it. */
  hasBegun: boolean;
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
    rotates: false,
    isRebuilt: false,
    wasSignalled: false,
    strays: 'unknown',
    hasBegun: false,
    end: null,
    holdsPort: false,
    wasBound: false,
    gpuPids: new Set(),
    unwatch: null,
  };
}

/** True while exactly the process that began the attempt lives. */
export function isShimAlive({ shim, isChild, ofThisBoot }: Attempt): boolean {
  if (shim === null || !ofThisBoot) return false;
  return shim.startTicks === null ? isChild : isAlive({ pid: shim.pid, startTicks: shim.startTicks });
}
