/** What is kept of a request. Times are Unix milliseconds. */
import type { JobId, RequestId, RequestStatus } from '@drover/core';
import type { ErrorFact, Reason } from '@drover/core/wire';
import type { UserRef } from '../clusters/row.ts';
import type { RowBase } from '../state/rows.ts';

/** A line of the request's log: text, or the place where the output of instances belongs. */
export type LogLine =
  | { readonly text: string }
  | { readonly instances: readonly { readonly id: string; readonly prefix: string }[] };

export interface RequestRow extends RowBase {
  readonly id: RequestId;
  readonly status: RequestStatus;
  /** launch, exec, start, stop, down; or the verb of a short call, which is settled at once. */
  readonly verb: string;
  /** The name of the cluster at that time; the owner of the row is `clusters/<id>`. */
  readonly cluster: string | null;
  /** The wish of the cluster that it waits for. */
  readonly generation: number | null;
  readonly job: JobId | null;
  readonly user: UserRef;
  readonly createdMs: number;
  readonly startedMs: number | null;
  readonly endedMs: number | null;
  readonly result: unknown;
  readonly error: ErrorFact | null;
  readonly reason: Reason | null;
  readonly lines: readonly LogLine[];
  /** Of the body, where the caller chose the id. */
  readonly digest?: string | undefined;
  /** What a foreign client needs to read the answer; ours do not look at it. */
  readonly foreign: Readonly<Record<string, unknown>> | null;
}
