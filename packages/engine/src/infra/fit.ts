/** Whether a machine type is one that a choice asks for, and if not, by how much. Pure. */
import { gpuMatches } from '@drover/core';
import type { ResourcesSpec } from '@drover/core/wire';
import type { MachineType } from './machine-type.ts';

/** One thing that keeps a machine from being one that was asked for. */
export interface Lack {
  readonly field:
    | 'infra'
    | 'region'
    | 'zone'
    | 'instance_type'
    | 'use_spot'
    | 'accelerators'
    | 'cpus'
    | 'memory'
    | 'disk_size'
    | 'image_id';
  /** In words: what is asked, what is there, by how much it fails. */
  readonly text: string;
  /** For the order of what comes nearest: the part that is missing, 0 to 1. */
  readonly part: number;
}

/** `pool` asks for any pool, `pool/lab` for that one. */
export const isInfra = (asked: string | null, infra: string): boolean =>
  asked === null || asked === infra || infra.startsWith(`${asked}/`);

/** All that fails; empty: it fits. On shared machines an exact amount is taken of whatever has as much. */
export function lacksOf(asked: ResourcesSpec, machine: MachineType, isShared: boolean): Lack[] {
  const lacks: Lack[] = [];
  const add = (field: Lack['field'], text: string, part = 1) => lacks.push({ field, text, part });
  if (!isInfra(asked.infra, machine.infra)) add('infra', `infra ${asked.infra} is asked for`);
  for (const field of ['region', 'zone'] as const) {
    const wanted = asked[field];
    if (wanted !== null && wanted !== machine[field])
      add(field, `${field} ${wanted} is asked for, it is in ${machine[field] ?? 'none'}`);
  }
  const { instanceType } = asked;
  if (instanceType !== null && instanceType.toLowerCase() !== machine.type.toLowerCase())
    add('instance_type', `instance_type ${instanceType} is asked for`);
  if (asked.useSpot && machine.spotPricePerHour === null) add('use_spot', 'not to be had as spot');
  if (asked.imageId !== null) add('image_id', 'it runs processes, not images');
  addGpus(asked, machine, add);
  addAmount('cpus', asked.cpus, machine.cpus, isShared, add);
  addAmount('memory', asked.memoryGiB, machine.memoryMiB / 1024, isShared, add);
  const { diskSizeGiB } = asked;
  const disk = machine.diskGiB ?? null;
  if (diskSizeGiB !== null && disk !== null && disk < diskSizeGiB)
    add(
      'disk_size',
      `disk_size ${diskSizeGiB} GiB is asked for, it has ${round(disk)}`,
      (diskSizeGiB - disk) / diskSizeGiB,
    );
  return lacks;
}

type Add = (field: Lack['field'], text: string, part?: number) => void;

function addGpus(
  { accelerators: asked }: ResourcesSpec,
  { accelerators: there }: MachineType,
  add: Add,
): void {
  if (asked === null) return;
  const has = there === null ? 'no GPU' : `${there.name}:${there.count}`;
  const wanted = `${asked.name}:${asked.count}`;
  if (there === null || !gpuMatches(asked.name, there.name))
    add('accelerators', `${wanted} is asked for, it has ${has}`);
  else if (there.count < asked.count)
    add(
      'accelerators',
      `${wanted} is asked for, it has ${there.count}`,
      (asked.count - there.count) / asked.count,
    );
}

function addAmount(
  field: 'cpus' | 'memory',
  asked: ResourcesSpec['cpus'],
  there: number,
  isShared: boolean,
  add: Add,
): void {
  if (asked === null) return;
  const { amount, atLeast } = asked;
  const unit = field === 'memory' ? ' GiB' : '';
  if (there < amount) {
    const missing = `${round(amount - there)} too ${field === 'memory' ? 'little' : 'few'}`;
    const text = `${field} ${amountText(asked)}${unit} is asked for, it has ${round(there)} (${missing})`;
    add(field, text, (amount - there) / amount);
  } else if (there > amount && !atLeast && !isShared) {
    add(field, `exactly ${field} ${round(amount)}${unit} is asked for, it has ${round(there)}`, 0);
  }
}

/** `4` or `4+`. */
export const amountText = ({ amount, atLeast }: NonNullable<ResourcesSpec['cpus']>): string =>
  `${round(amount)}${atLeast ? '+' : ''}`;

/** Two decimals at most; what is not there is never rounded up to what is asked. */
const round = (value: number): string => String(Math.floor(value * 100 + 1e-9) / 100);
