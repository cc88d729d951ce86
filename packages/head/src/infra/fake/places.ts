/** Where the types of fake infra are to be had. */
import { gpuName } from '@drover/core';
import type { MachineType } from '@drover/engine';
import type { FakeType } from './config.ts';

/** One place where a type is to be had, with its price there. */
export interface Place {
  readonly region: string | null;
  readonly zone: string | null;
  readonly price: number;
  readonly spotPrice: number | null;
  readonly stock: number | null;
}

/** A type without places is to be had at one place without a name, as often as wanted. */
export function placesOf(type: FakeType): Place[] {
  if (!type.places)
    return [{ region: null, zone: null, price: type.price, spotPrice: type.spotPrice, stock: null }];
  return type.places.flatMap(({ region, zones, price, spotPrice, stock }) =>
    (zones ?? [null]).map((zone) => ({
      region,
      zone,
      price: price ?? type.price,
      spotPrice: spotPrice === undefined ? type.spotPrice : spotPrice,
      stock: stock ?? null,
    })),
  );
}

/** The GPUs of a type, as machine types say them. */
export function acceleratorsOf({ gpus }: FakeType): MachineType['accelerators'] {
  const [count, model] = gpus?.split(':')[0]?.split(/x(.*)/) ?? [];
  return count === undefined || model === undefined ? null : { name: gpuName(model), count: Number(count) };
}
