/** One way to satisfy a request for nodes: a machine type at a place, with what each node takes of it. */
import type { ResourcesSpec } from '@drover/core/wire';
import type { MachineType } from './machine-type.ts';

export interface Candidate {
  readonly machine: MachineType;
  /** The choice that it satisfies. */
  readonly resources: ResourcesSpec;
  readonly spot: boolean;
  readonly perNode: {
    readonly cpus: number;
    readonly memoryMiB: number;
    readonly gpus: number;
    readonly accelerator: string | null;
  };
  /** US dollars, for all nodes. */
  readonly pricePerHour: number;
  /** Estimated time until the nodes are ready. */
  readonly seconds: number;
  /** On a shared infra that has too few of one type: the types that will do together. Absent: that of `machine`. */
  readonly types?: readonly string[];
}
