/** How much of everything this machine has, within the limits that are set on this process. */
import { statfsSync } from 'node:fs';
import { availableParallelism, hostname, networkInterfaces, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import type { Offer } from '@drover/core/wire';
import { readIfThere } from './atomic.ts';
import { type OwnCgroups, ownCgroupsOrNull } from './mounts.ts';

export type Capacity = Omit<Offer['physical'], 'gpus'>;

const MIB = 1024 * 1024;
/** Instances at once, as far as ports go; not a limit of the system. */
const DEFAULT_PORTS = 1000;

/** What was found; `--cpus`, `--memory` and `--disk` override it. Disk is what is free where the state folder lies. */
export function detectCapacity(stateDir: string): Capacity {
  const own = ownCgroupsOrNull();
  const disk = statfsSync(stateDir);
  const memory = Math.min(totalmem(), ...limits(own, 'memory', 'memory.max', 'memory.limit_in_bytes'));
  return {
    cpu: Math.min(availableParallelism(), ...cpuQuotas(own)),
    memoryMiB: Math.floor(memory / MIB),
    diskMiB: Math.floor((disk.bavail * disk.bsize) / MIB),
    ports: DEFAULT_PORTS,
  };
}

/** The name of this machine and the address under which others may reach it: its first IPv4 that is not loopback. */
export function detectHost(): { host: string; hostname: string } {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const outside = addresses.find((address) => address.family === 'IPv4' && !address.internal);
  return { host: outside?.address ?? '127.0.0.1', hostname: hostname() };
}

/** This folder and all above it up to the mount point: each may set a limit. */
function upwards(folder: string | null | undefined, roots: readonly string[]): string[] {
  const folders: string[] = [];
  for (let path = folder ?? ''; path.length > 1; path = dirname(path)) {
    folders.push(path);
    if (roots.includes(path)) break;
  }
  return folders;
}

function limits(own: OwnCgroups | null, controller: string, v2File: string, v1File: string): number[] {
  if (own === null) return [];
  const files = [
    ...upwards(own.v2, own.roots).map((folder) => join(folder, v2File)),
    ...upwards(own.v1.get(controller), own.roots).map((folder) => join(folder, v1File)),
  ];
  return files.map(readNumber).filter((value) => value > 0);
}

/** In CPUs, with three decimals. */
function cpuQuotas(own: OwnCgroups | null): number[] {
  if (own === null) return [];
  const v2 = upwards(own.v2, own.roots).map((folder) => {
    const [quota, period] = (readText(join(folder, 'cpu.max')) ?? '').trim().split(' ').map(Number);
    return (quota ?? 0) / (period ?? 0);
  });
  const v1 = upwards(own.v1.get('cpu'), own.roots).map(
    (folder) => readNumber(join(folder, 'cpu.cfs_quota_us')) / readNumber(join(folder, 'cpu.cfs_period_us')),
  );
  return [...v2, ...v1]
    .filter((value) => Number.isFinite(value) && value > 0)
    .map((value) => Math.max(0.001, Math.floor(value * 1000) / 1000));
}

/** Zero for no file and for "max". */
function readNumber(file: string): number {
  const value = Number(readText(file) ?? 0);
  return Number.isFinite(value) ? value : 0;
}

function readText(file: string): string | null {
  try {
    return readIfThere(file);
  } catch {
    return null;
  }
}
