/**
 * Amounts of what a worker offers and a reservation holds.
 * `cpu` is in cores with at most three decimals; memory and disk are MiB; `gpus` and `ports` are counts.
 */
export interface Resources {
  readonly cpu: number;
  readonly memoryMiB: number;
  readonly diskMiB: number;
  readonly gpus: number;
  readonly ports: number;
}

/** The dimensions in the order in which people expect to read them. */
export const RESOURCE_KEYS = ['gpus', 'cpu', 'memoryMiB', 'diskMiB', 'ports'] as const;
export type ResourceKey = (typeof RESOURCE_KEYS)[number];

export const NO_RESOURCES: Resources = { cpu: 0, memoryMiB: 0, diskMiB: 0, gpus: 0, ports: 0 };

/** Cores are added in thousandths so that 0.1 + 0.2 never exceeds 0.3. */
const exact = (value: number): number => Math.round(value * 1000) / 1000;

export function addResources(a: Resources, b: Resources): Resources {
  return {
    cpu: exact(a.cpu + b.cpu),
    memoryMiB: a.memoryMiB + b.memoryMiB,
    diskMiB: a.diskMiB + b.diskMiB,
    gpus: a.gpus + b.gpus,
    ports: a.ports + b.ports,
  };
}

export function subtractResources(a: Resources, b: Resources): Resources {
  return {
    cpu: exact(a.cpu - b.cpu),
    memoryMiB: a.memoryMiB - b.memoryMiB,
    diskMiB: a.diskMiB - b.diskMiB,
    gpus: a.gpus - b.gpus,
    ports: a.ports - b.ports,
  };
}

/** True when `need` fits into `room` in every dimension. */
export function fits(need: Resources, room: Resources): boolean {
  return (
    need.cpu <= room.cpu &&
    need.memoryMiB <= room.memoryMiB &&
    need.diskMiB <= room.diskMiB &&
    need.gpus <= room.gpus &&
    need.ports <= room.ports
  );
}

/** One GPU as the worker found it. What could not be read is null, never guessed. */
export interface Gpu {
  readonly index: number;
  readonly model: string | null;
  readonly memoryMiB: number | null;
  readonly computeCapability: string | null;
  readonly uuid: string | null;
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  m: 1,
  mb: 1,
  mi: 1,
  mib: 1,
  g: 1024,
  gb: 1024,
  gi: 1024,
  gib: 1024,
  t: 1024 ** 2,
  tb: 1024 ** 2,
  ti: 1024 ** 2,
  tib: 1024 ** 2,
  k: 1 / 1024,
  kb: 1 / 1024,
  ki: 1 / 1024,
  kib: 1 / 1024,
};

export const SIZE_RULE =
  'a number with an optional unit KiB, MiB, GiB or TiB (512MiB, 8GiB); no unit means MiB';

/**
 * Reads a size as people write it.
 * @returns whole MiB, rounded up (so 1KiB is 1), or null when it breaks {@link SIZE_RULE}.
 */
export function parseSizeMiB(text: string): number | null {
  const match = /^\s*(\d{1,12}(?:\.\d{1,6})?)\s*([A-Za-z]{0,3})\s*$/.exec(text);
  if (!match) return null;
  const unit = UNITS[(match[2] ?? '').toLowerCase()];
  if (unit === undefined) return null;
  const size = Math.ceil(Number(match[1]) * unit);
  return Number.isSafeInteger(size) ? size : null;
}
