/** Workers as machine types, so that workers of a shared infra are chosen among like the types of a cloud. */
import { gpuName } from '@drover/core';
import type { Offer } from '@drover/core/wire';
import type { WorkerRow } from '../state/rows.ts';
import type { MachineType } from './machine-type.ts';

/** Models that come with more memory under the same name: from so many MiB they are another kind. */
const LARGER: Readonly<Record<string, { readonly fromMiB: number; readonly name: string }>> = {
  A100: { fromMiB: 60_000, name: 'A100-80GB' },
  V100: { fromMiB: 24_000, name: 'V100-32GB' },
};

function nameOf({ model, memoryMiB }: Offer['gpus'][number]): string {
  if (model === null) return 'GPU';
  const name = gpuName(model);
  const larger = LARGER[name];
  return larger && (memoryMiB ?? 0) >= larger.fromMiB ? larger.name : name;
}

/** What the worker has of one GPU model; null without GPUs, or when it has several models. */
export function acceleratorsOf(offer: Offer): { name: string; count: number } | null {
  const names = new Set(offer.gpus.map(nameOf));
  const [name] = names;
  return names.size === 1 && name !== undefined ? { name, count: offer.gpus.length } : null;
}

/** `2CPU-4GB`, `8CPU-64GB-H100:8`: workers of one name are alike for whoever chooses. */
export function typeOfOffer(offer: Offer): string {
  const { cpu, memoryMiB } = offer.schedulable;
  const gpus = acceleratorsOf(offer);
  const base = `${cpu}CPU-${Math.floor(memoryMiB / 1024)}GB`;
  return gpus ? `${base}-${gpus.name}:${gpus.count}` : base;
}

/** The machine types that the workers of a place make up; free of charge. `available`: how many are ONLINE. */
export function typesOfWorkers(workers: Iterable<WorkerRow>, infra: string): MachineType[] {
  const types = new Map<string, MachineType>();
  for (const { offer, place, status } of workers) {
    if (place !== infra || offer === null || offer.homes !== true) continue;
    const type = typeOfOffer(offer);
    const known = types.get(type);
    const available = (known?.available ?? 0) + (status === 'ONLINE' ? 1 : 0);
    const { cpu, memoryMiB } = offer.schedulable;
    types.set(type, {
      infra,
      type,
      region: null,
      zone: null,
      cpus: cpu,
      memoryMiB: known ? Math.min(known.memoryMiB, memoryMiB) : memoryMiB,
      accelerators: acceleratorsOf(offer),
      pricePerHour: 0,
      spotPricePerHour: null,
      available,
      startSeconds: 0,
    });
  }
  return [...types.values()];
}
