/** What a worker says that it has, for tests to which most of it is all the same. */
import type { Offer } from '@drover/core/wire';

const LITTLE = { cpu: 1, memoryMiB: 1, diskMiB: 1, gpus: 0, ports: 1 };

/** A worker whose all is schedulable, supervised by the shell shim without cgroups. */
export function sampleOffer(physical: Offer['physical'] = LITTLE, more: Partial<Offer> = {}): Offer {
  return {
    host: '127.0.0.1',
    hostname: 'x',
    physical,
    schedulable: physical,
    gpus: [],
    supervision: { shim: 'sh', cgroup: 'none', memoryEnforced: false, notes: [] },
    version: 'x',
    ...more,
  };
}
