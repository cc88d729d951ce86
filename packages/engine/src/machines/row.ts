/** What is kept of a machine. Times are Unix milliseconds, prices US dollars per hour. */
import type { MachineDesire, MachineId, MachineStatus, WorkerId } from '@drover/core';
import type { Reason } from '@drover/core/wire';
import type { RowBase } from '../state/rows.ts';

export interface MachineRow extends RowBase {
  readonly id: MachineId;
  readonly status: MachineStatus;
  /** `clusters/<id>`, or `infra/<infra>` for one that several clusters share. */
  readonly owner: string;
  readonly infra: string;
  readonly type: string;
  readonly region: string | null;
  readonly zone: string | null;
  readonly spot: boolean;
  /** What it cost when it was wanted. */
  readonly pricePerHour: number;
  /** The provider refuses above this; null: no limit. */
  readonly maxPricePerHour: number | null;
  /** The name under which the provider knows it. Holds the herd, so that no other herd's machine is ever taken for ours. */
  readonly tag: string;
  /** Whose wish it is: the provider's queue is shared fairly among these. */
  readonly requestedBy: string;
  readonly desired: MachineDesire;
  /** The provider's own id. */
  readonly providerId: string | null;
  readonly workerId: WorkerId | null;
  readonly address: string | null;
  /** Why it is as it is; what the last try said, while there are tries. */
  readonly reason: Reason | null;
  /** Why it did not come up, or was lost. Set once, and kept while the rest of it is removed. */
  readonly failure: Reason | null;
  /** Something of it may exist at the provider. */
  readonly mayExist: boolean;
  /** Tries of the present step; grows before each. */
  readonly attempts: number;
  /** When the present step is given up (creating, joining, starting), or said to be late (stopping, terminating). */
  readonly deadlineMs: number | null;
  /** It is overdue: a person should look. */
  readonly alertedMs: number | null;
  readonly createdMs: number;
  readonly sinceMs: number;
  /** Earlier stretches in which it ran, together. */
  readonly billedBeforeMs: number;
  /** The present or last stretch; from null: it is stopped, or never was. */
  readonly billedFromMs: number | null;
  readonly billedToMs: number | null;
}
