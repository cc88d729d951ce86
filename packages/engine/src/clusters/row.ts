/** What is kept of a cluster. Times are Unix milliseconds, prices US dollars per hour. */
import type { ClusterDesire, ClusterId, ClusterStatus, ReservationId, WorkerId } from '@drover/core';
import type { AutostopSpec, ErrorFact, Reason, ResourcesChoice, ResourcesSpec } from '@drover/core/wire';
import type { Candidate } from '../infra/candidate.ts';
import type { RowBase } from '../state/rows.ts';

/** Who asked for it: the id that its client claims, and the name that people read. */
export interface UserRef {
  readonly id: string;
  readonly name: string;
}

export interface ClusterNode {
  readonly rank: number;
  /** What it holds, or waits for; null while STOPPED. */
  readonly reservation: ReservationId | null;
  /** The machine that was made for it; null on shared infra. */
  readonly machine: string | null;
  readonly workerId: WorkerId | null;
  readonly address: string | null;
  readonly gpuIndices: readonly number[];
}

/** One place that was tried in this round, and why it was not it. */
export interface Tried {
  readonly infra: string;
  readonly region: string | null;
  readonly zone: string | null;
  readonly type: string;
  readonly code: string;
  readonly message: string;
}

export interface ClusterRow extends RowBase {
  readonly id: ClusterId;
  readonly name: string;
  readonly status: ClusterStatus;
  readonly desired: ClusterDesire;
  /** Grows with each wish: a request is settled by what became of its own. */
  readonly generation: number;
  /** The generation that could not be had, and why. */
  readonly failure: { readonly generation: number; readonly error: ErrorFact } | null;
  readonly user: UserRef;
  /** Somebody who is no admin has put something on it: it is placed on no infra that is for admins only. */
  readonly byUser?: boolean;
  readonly resources: ResourcesChoice | null;
  /** Machines that are never chosen. */
  readonly blocked: readonly ResourcesSpec[];
  readonly numNodes: number;
  readonly optimize: 'cost' | 'time';
  readonly retryUntilUp: boolean;
  /** Where it is, or is being tried. Kept while STOPPED: it starts again there and nowhere else. */
  readonly candidate: Candidate | null;
  readonly tried: readonly Tried[];
  /** A new round begins then. */
  readonly retryAtMs: number | null;
  readonly round: number;
  readonly nodes: readonly ClusterNode[];
  /** Nodes that it has lost or left, whose home is still to be removed. */
  readonly homesLeft: readonly { readonly workerId: WorkerId; readonly rank: number }[];
  readonly reason: Reason | null;
  readonly sinceMs: number;
  readonly createdMs: number;
  readonly launchedMs: number;
  readonly everUp: boolean;
  readonly lastUse: string;
  readonly autostop: AutostopSpec | null;
  /** Since when nothing uses it; null while something does. */
  readonly idleSinceMs: number | null;
  readonly nextJob: number;
  readonly purge: boolean;
  /** The stretches in which nodes were held. */
  readonly usage: readonly {
    readonly fromMs: number;
    readonly toMs: number | null;
    readonly pricePerHour: number;
  }[];
}
