/** What the checkers are given: what was asked of the herd, what it said, and what really happened. */
import type { InstanceView, WorkerView } from 'drover';

export type Policy = 'wait' | 'replace' | 'stop';

/** One acknowledged submission. */
export interface Submitted {
  readonly id: string;
  readonly nonce: string;
  readonly kind: string;
  /** The exit code that the command ends with when nobody stops it. */
  readonly code: number;
  /** Numbered lines that it writes. */
  readonly lines: number;
  readonly policy: Policy;
  cancelledAtMs: number | null;
}

/** A process of a command that was seen alive; shims are not in here. */
export interface Alive {
  readonly instance: string;
  readonly attempt: number;
  readonly pid: number;
}

export interface ComponentUsage {
  readonly component: string;
  readonly rssMiB: number;
  readonly files: number;
}

/** One look at everything. `instances` holds all that have not ended, and those ended ones that were asked for again. */
export interface Sample {
  readonly atMs: number;
  readonly instances: readonly InstanceView[];
  /** Those of them that came in one reply: the state of one moment. */
  readonly listed: readonly InstanceView[];
  /** Ids that were acknowledged, and of which the head says now that there is no such instance. */
  readonly gone: readonly string[];
  readonly workers: readonly WorkerView[];
  readonly alive: readonly Alive[];
  readonly usage: readonly ComponentUsage[];
  readonly submitted: ReadonlyMap<string, Submitted>;
  /** False while faults are on under which nothing has to make progress. */
  readonly withinTolerance: boolean;
  /** How many instances have ended so far, and how many are asked for and have not. */
  readonly finished: number;
  readonly open: number;
}

/** One full heal, and how long the herd took to be itself again; null: it did not within the limit. */
export interface Recovery {
  readonly healedAtMs: number;
  readonly limitMs: number;
  readonly workersOnlineAfterMs: number | null;
  /** Until a new command had run to its end. */
  readonly probeDoneAfterMs: number | null;
}

export interface WitnessLine {
  readonly what: 'start' | 'end';
  readonly instance: string;
  readonly attempt: number;
  readonly fence: string;
  readonly uptimeS: number;
  readonly nonce: string;
  /** Of an end. */
  readonly code: number | null;
}

/** What is still there when all has ended. */
export interface Leftovers {
  readonly processes: readonly string[];
  readonly cgroups: readonly string[];
  readonly folders: readonly string[];
  readonly ports: readonly string[];
}

/** The end of a run. */
export interface Ending {
  readonly submitted: ReadonlyMap<string, Submitted>;
  /** All that the head knows, by id. */
  readonly views: ReadonlyMap<string, InstanceView>;
  readonly witness: readonly WitnessLine[];
  readonly logs: ReadonlyMap<string, string>;
  /** Their supervisor was killed, so how they ended may be unknown. */
  readonly unsupervised: ReadonlySet<string>;
  /** They ran while their disk was full: lines of output may be missing, or a start have failed. */
  readonly onFullDisk: ReadonlySet<string>;
  readonly leftovers: Leftovers;
}

/** A rule: says what is wrong with what it is shown, nothing when all is well. It may remember what it was shown before. */
export interface Checker<Input> {
  readonly name: string;
  check(input: Input): string[];
}
