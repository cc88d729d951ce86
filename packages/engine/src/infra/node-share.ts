/** What one node of a task takes of a machine. The numbers stand here and in docs/tasks.md. */
import type { ResourcesSpec } from '@drover/core/wire';
import type { Candidate } from './candidate.ts';
import type { MachineType } from './machine-type.ts';

/**
 * What a node takes of a shared machine where nothing is asked: one core, or all of a smaller machine, and 512 MiB for
 * each core. With GPUs it takes more, but never more than the same share of the machine as of its GPUs.
 */
export const NODE_DEFAULTS = {
  cpus: 1,
  memoryMiBPerCore: 512,
  cpusPerGpu: 4,
  memoryMiBPerGpu: 16 * 1024,
} as const;

const SHARED_KINDS = ['local', 'pool', 'ssh'];

/** Whether machines of the infra are there for everybody, so that a node takes only what it asks for. */
export const isSharedInfra = (infra: string): boolean => SHARED_KINDS.includes(infra.split('/')[0] ?? '');

/** Of a machine that fits. A machine that is made for the node belongs to it whole. */
export function shareOf(asked: ResourcesSpec, machine: MachineType, isShared: boolean): Candidate['perNode'] {
  const { accelerators } = machine;
  if (!isShared) {
    const { cpus, memoryMiB } = machine;
    return { cpus, memoryMiB, gpus: accelerators?.count ?? 0, accelerator: accelerators?.name ?? null };
  }
  const gpus = Math.ceil(asked.accelerators?.count ?? 0);
  const share = gpus === 0 || accelerators === null ? 0 : gpus / accelerators.count;
  const gpuCpus = floor3(Math.min(NODE_DEFAULTS.cpusPerGpu * gpus, machine.cpus * share));
  const gpuMemory = Math.floor(Math.min(NODE_DEFAULTS.memoryMiBPerGpu * gpus, machine.memoryMiB * share));
  const cpus = asked.cpus?.amount ?? Math.min(machine.cpus, Math.max(NODE_DEFAULTS.cpus, gpuCpus));
  const usual = Math.max(Math.ceil(NODE_DEFAULTS.memoryMiBPerCore * cpus), gpuMemory);
  const memoryMiB =
    asked.memoryGiB === null ? Math.min(machine.memoryMiB, usual) : Math.ceil(asked.memoryGiB.amount * 1024);
  return { cpus, memoryMiB, gpus, accelerator: gpus === 0 ? null : (accelerators?.name ?? null) };
}

const floor3 = (value: number): number => Math.floor(value * 1000) / 1000;
