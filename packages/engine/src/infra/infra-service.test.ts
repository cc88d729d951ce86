import { describe, expect, it } from 'vitest';
import type { Ports } from '../ports.ts';
import type { State } from '../state/state.ts';
import { InfraService } from './infra-service.ts';

const HOST = {
  ...{ infra: 'local', type: 'local', region: null, zone: null, cpus: 2, memoryMiB: 4096 },
  ...{ accelerators: null, pricePerHour: 0, spotPricePerHour: null, available: 1, startSeconds: 5 },
};
const OFFER = { schedulable: { cpu: 2, memoryMiB: 4096 }, gpus: [], homes: true };

/** A shared infra of one host, whose machine and worker stand so. */
async function typesWith(machine: object | null, worker: object | null) {
  const workers = worker === null ? [] : [{ id: 'w', place: 'local', status: 'ONLINE', ...worker }];
  const tables = {
    workers: { all: () => workers, get: (id: string) => workers.find((each) => each.id === id) },
    machines: { ownedBy: () => (machine === null ? [] : [{ type: 'local', ...machine }]) },
  };
  const provider = { infra: 'local', sharing: 'shared', catalogue: async () => [HOST] };
  const ports = {
    clock: { monoMs: () => 0 },
    providers: { all: () => [provider], get: () => provider },
  };
  const service = new InfraService(
    { tables } as unknown as State,
    ports as unknown as Ports,
    ...([null, null] as unknown as [never, never]),
  );
  await service.refresh();
  return service.types('local').map(({ type, available }) => ({ type, available }));
}

describe('a shared infra that is coming up', () => {
  const one = [{ type: '2CPU-4GB', available: 1 }];

  it('offers its host at every step: before its machine, while its worker joins, and once it is there', async () => {
    expect(await typesWith(null, null)).toEqual(one);
    expect(await typesWith({ status: 'JOINING', workerId: null }, null)).toEqual(one);
    // It has joined, and has not said yet what it has.
    const joining = { status: 'JOINING', workerId: 'w' } as const;
    expect(await typesWith(joining, { offer: null })).toEqual(one);
    expect(await typesWith({ status: 'READY', workerId: 'w' }, { offer: OFFER })).toEqual(one);
  });

  it('offers nothing more of a host whose worker is away, and a stopped one anew', async () => {
    const away = { offer: OFFER, status: 'OFFLINE' };
    expect(await typesWith({ status: 'READY', workerId: 'w' }, away)).toEqual([
      { type: '2CPU-4GB', available: 0 },
    ]);
    expect(await typesWith({ status: 'STOPPED', workerId: 'w' }, away)).toEqual(one);
  });
});
