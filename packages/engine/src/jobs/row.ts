/** What is kept of a job of a cluster. Times are Unix milliseconds. */
import type { JobId, JobStatus } from '@drover/core';
import type { ErrorFact, Reason, TaskSpec } from '@drover/core/wire';
import type { UserRef } from '../clusters/row.ts';
import type { Origin } from '../origin.ts';
import type { RowBase } from '../state/rows.ts';

/** What each of its nodes must have free; GPUs are counted per node. */
export interface JobDemand {
  readonly cpu: number;
  readonly gpus: number;
}

export interface JobRow extends RowBase {
  readonly id: JobId;
  readonly status: JobStatus;
  /** The number within its cluster; null when it only prepares. */
  readonly number: number | null;
  readonly task: TaskSpec;
  readonly taskId: string;
  readonly user: UserRef;
  /** The call that asked for it; absent: an older head took it in. */
  readonly origin?: Origin | undefined;
  readonly demand: JobDemand;
  /** Setup and file mounts come first; `exec` lays out the working directory only. */
  readonly prepares: { readonly setup: boolean; readonly mounts: boolean; readonly workdir: boolean };
  /** The ranks of its cluster's nodes that it runs on, its own rank order. */
  readonly nodes: readonly number[];
  /** Its instances so far, in the order of ranks. */
  readonly setupInstances: readonly string[];
  readonly runInstances: readonly string[];
  readonly submittedMs: number;
  readonly startedMs: number | null;
  readonly endedMs: number | null;
  readonly exitCode: number | null;
  readonly reason: Reason | null;
  /** What a request that waits for it is told. */
  readonly error: ErrorFact | null;
  readonly cancel: { readonly atMs: number; readonly by: string } | null;
}
