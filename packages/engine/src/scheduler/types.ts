/** What the scheduler sees: plain values, no rows, no outside world. */
import type { Resources, WorkerStatus } from '@drover/core';

/** One reservation as the scheduler sees it. */
export interface Demand {
  readonly reservation: string;
  readonly resources: Resources;
  /** Exact indices wanted, or null for any. */
  readonly gpuIndices: readonly number[] | null;
  readonly exclusive: boolean;
  readonly targetWorker: string | null;
  /** The infra whose workers will do. */
  readonly place: string;
  /** The machine types that will do; null: any. */
  readonly types: readonly string[] | null;
  /** On another worker than the other demands of its unit, with a home for a node there. */
  readonly isNode: boolean;
  /** Workers that must not be it. */
  readonly notOn?: readonly string[] | undefined;
}

/** What is placed together: a gang, or a single reservation as a gang of one. */
export interface Unit {
  readonly id: string;
  readonly priority: number;
  /** Age: lower is older. */
  readonly seq: number;
  readonly demands: readonly Demand[];
}

export interface Capacity {
  readonly worker: string;
  readonly host: string;
  readonly status: WorkerStatus;
  readonly total: Resources;
  readonly place: string;
  /** Its machine type, see `typeOfOffer`. */
  readonly type: string;
  /** Why it gets nothing new now; null: it does. */
  readonly paused: string | null;
  /** Whether it keeps homes for the nodes of clusters. */
  readonly homes: boolean;
  /** The indices of the GPUs that the worker has. */
  readonly gpuIndices: readonly number[];
}

export interface Placement {
  readonly reservation: string;
  readonly worker: string;
  readonly gpuIndices: readonly number[];
}

/** True when `a` goes before `b`: higher priority, then age. */
export const goesBefore = (
  a: { readonly priority: number; readonly seq: number },
  b: { readonly priority: number; readonly seq: number },
): boolean => (a.priority !== b.priority ? a.priority > b.priority : a.seq < b.seq);

/** Demands that any worker treats alike have the same shape; when one cannot be placed, none of the shape can. */
export function shapeOf(unit: Unit): string {
  const shapes = unit.demands.map((demand) => {
    const { cpu, memoryMiB, diskMiB, gpus, ports } = demand.resources;
    const indices = demand.gpuIndices ? [...demand.gpuIndices].sort((a, b) => a - b).join('.') : '';
    return `${cpu}|${memoryMiB}|${diskMiB}|${gpus}|${ports}|${indices}|${demand.exclusive ? 1 : 0}|${demand.targetWorker ?? ''}|${demand.place}|${demand.types?.join(',') ?? '*'}|${demand.isNode ? 1 : 0}|${demand.notOn?.join(',') ?? ''}`;
  });
  return `${unit.priority}#${shapes.join('&')}`;
}
