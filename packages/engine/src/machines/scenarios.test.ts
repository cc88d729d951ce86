/** Scenarios C1 to C10: a provider that fails, lies, forgets and is slow. Virtual time, real engine and agents. */
import { instanceSubmit } from '@drover/core/wire';
import { SIM_ACTOR, SimCloud, type SimFaults, SimHerd, simProviders } from '@drover/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import { SYSTEM } from '../actor.ts';
import type { MachineRow } from './row.ts';

const CONFIG = `
types:
  - {type: small, cpus: 2, memoryMiB: 4096, price: 0.5}
  - type: gpu
    cpus: 8
    memoryMiB: 65536
    gpus: 1xH100:80GB
    price: 2.5
    places: [{region: east, zones: [a, b], stock: 1}, {region: west}]
`;

let herd: SimHerd;
let cloud: SimCloud;

const engine = () => {
  if (!herd.engine) throw new Error('no head');
  return herd.engine;
};
const rowOf = (id: string): MachineRow => {
  const row = engine().state.tables.machines.get(id);
  if (!row) throw new Error(`no machine ${id}`);
  return row;
};
const reach = async (what: string, holds: () => boolean, limitMs = 60_000): Promise<void> => {
  if (!(await herd.clock.until(holds, herd.clock.nowMs + limitMs)))
    throw new Error(
      `not reached: ${what}; ${JSON.stringify([...(herd.engine?.state.tables.machines.all() ?? [])])}`,
    );
};
const pass = async (ms: number): Promise<void> => {
  await herd.clock.until(() => false, herd.clock.nowMs + ms);
};
const statusIs =
  (id: string, ...statuses: string[]) =>
  (): boolean =>
    statuses.includes(herd.engine?.state.tables.machines.get(id)?.status ?? '');
/** Wants one machine. */
const want = (
  options: { type?: string; owner?: string; by?: string; region?: string; zone?: string } = {},
): string => {
  const { type = 'small', region = null, zone = null } = options;
  return engine().state.transact(SYSTEM, (tx) =>
    engine().machines.want(tx, {
      project: 'default',
      name: 'a machine',
      owner: options.owner ?? 'clusters/c1',
      requestedBy: options.by ?? 'alice',
      type: {
        infra: 'fake/sim',
        type,
        region,
        zone,
        pricePerHour: type === 'gpu' ? 2.5 : 0.5,
        spotPricePerHour: null,
      },
    }),
  ).id;
};
const setDesired = (id: string, desired: 'RUNNING' | 'STOPPED' | 'GONE'): void =>
  engine().state.transact(SYSTEM, (tx) => engine().machines.setDesired(tx, id, desired));
const restart = async (): Promise<void> => {
  herd.killHead();
  await herd.startHead();
};

beforeEach(async () => {
  herd = new SimHerd(7);
  cloud = new SimCloud(herd, 'sim', CONFIG);
  herd.providers = simProviders(cloud);
  await herd.startHead();
});

describe('the ordinary way', () => {
  it('a machine is made, its worker joins, it stops, starts again with the same worker, and goes', async () => {
    cloud.faults = { bootDelayS: 5 };
    const id = want();
    await reach('it is READY', statusIs(id, 'READY'));
    const row = rowOf(id);
    const worker = engine().state.tables.workers.get(row.workerId ?? '');
    expect(worker).toMatchObject({ place: 'fake/sim', machine: id, status: 'ONLINE' });
    expect(row).toMatchObject({ mayExist: true, failure: null, address: '10.0.0.1' });
    setDesired(id, 'STOPPED');
    await reach('it is STOPPED', statusIs(id, 'STOPPED'));
    const { cost } = engine().views.machine(rowOf(id));
    await pass(3_600_000);
    expect(engine().views.machine(rowOf(id)).cost).toBe(cost);
    expect(engine().state.tables.workers.get(row.workerId ?? '')?.status).toBe('OFFLINE');
    setDesired(id, 'RUNNING');
    await reach('it is READY again', statusIs(id, 'READY'));
    expect(rowOf(id).workerId).toBe(row.workerId);
    setDesired(id, 'GONE');
    await reach('it is GONE', statusIs(id, 'GONE'));
    expect(cloud.machines.size).toBe(0);
    expect(engine().state.tables.workers.get(row.workerId ?? '')).toBeUndefined();
    expect(rowOf(id).billedToMs).toBeGreaterThan(rowOf(id).billedFromMs ?? 0);
    expect(herd.errors).toEqual([]);
  });

  it('what runs there is ended before its machine goes, and its log is kept', async () => {
    const id = want();
    await reach('it is READY', statusIs(id, 'READY'));
    const { workerId } = rowOf(id);
    const command = JSON.stringify({ runMs: 600_000, code: 0, ignoresTerm: false, failsToStart: false });
    const instance = engine().instances.submit(
      SIM_ACTOR,
      instanceSubmit.parse({ command, targetWorker: workerId }),
    );
    const now = () => engine().state.tables.instances.get(instance.id);
    if (now()?.status === 'PENDING')
      engine().state.transact(SYSTEM, (tx) => {
        for (const row of tx.ownedBy('reservations', `instances/${instance.id}`))
          tx.put('reservations', { ...row, place: 'fake/sim' });
      });
    await reach('it runs', () => now()?.status === 'RUNNING');
    setDesired(id, 'GONE');
    await reach('it is GONE', statusIs(id, 'GONE'), 120_000);
    expect(now()).toMatchObject({ status: 'CANCELLED', log: { archived: true } });
  });

  it('a hundred wishes of one user do not make another wait: eight at once, each in turn', async () => {
    cloud.faults = { createDelayS: 10 };
    for (let i = 0; i < 40; i++) want({ by: 'alice' });
    const id = want({ by: 'bob' });
    await pass(5_000);
    expect(cloud.calls.filter((call) => call === 'create')).toHaveLength(8);
    await reach('the other one is there', () => rowOf(id).status !== 'CREATING', 25_000);
    expect([...cloud.machines.values()].length).toBeLessThan(20);
  });
});

describe('C1 to C10', () => {
  it('C1: a create that times out although the machine was made is found by its tag, and is the only one', async () => {
    cloud.faults = { createTimesOut: true, bootDelayS: 3 };
    const id = want();
    await reach('it is READY', statusIs(id, 'READY'));
    expect(cloud.machines.size).toBe(1);
    expect([...cloud.machines.keys()]).toEqual([rowOf(id).tag]);
  });

  it('C1: it is removed when nobody wants it any more by the time that it is found', async () => {
    cloud.faults = { createTimesOut: true, bootDelayS: 600 };
    const id = want();
    await reach('it was made', () => cloud.machines.size === 1);
    setDesired(id, 'GONE');
    await reach('it is GONE', statusIs(id, 'GONE'));
    expect(cloud.machines.size).toBe(0);
  });

  it('C2: a machine that was made by word only fails with its reason, and costs nothing', async () => {
    cloud.faults = { createVanishes: true };
    const id = want();
    await reach('it has FAILED', statusIs(id, 'FAILED'), 20 * 60_000);
    expect(rowOf(id)).toMatchObject({ failure: { code: 'NEVER_APPEARED' }, mayExist: false });
    expect(cloud.machines.size).toBe(0);
    setDesired(id, 'GONE');
    await reach('it is GONE', statusIs(id, 'GONE'));
  });

  it('C3: a machine that is not removed stays TERMINATING, is tried again, alerts, and costs', async () => {
    const id = want();
    await reach('it is READY', statusIs(id, 'READY'));
    cloud.faults = { terminateIgnored: true };
    setDesired(id, 'GONE');
    await reach('people are told', () => rowOf(id).alertedMs !== null, 15 * 60_000);
    expect(rowOf(id)).toMatchObject({ status: 'TERMINATING', reason: { code: 'OVERDUE' }, billedToMs: null });
    expect(cloud.calls.filter((call) => call === 'terminate').length).toBeGreaterThan(5);
    cloud.faults = {};
    await reach('it is GONE', statusIs(id, 'GONE'), 5 * 60_000);
    expect(rowOf(id).billedToMs).not.toBeNull();
  });

  it.each<[string, SimFaults]>([
    ['late', { listDelayS: 5 }],
    ['partial', { listPartial: true }],
    ['limited', { listFails: 'RATE_LIMITED' }],
    ['broken', { listFails: 'TRANSIENT' }],
  ])('C4: a list that is %s ends no machine', async (_, faults) => {
    const ids = [want(), want(), want()];
    await reach('all are READY', () => ids.every((id) => statusIs(id, 'READY')()));
    cloud.faults = faults;
    const before = cloud.calls.length;
    await pass(10 * 60_000);
    expect(ids.map((id) => rowOf(id).status)).toEqual(['READY', 'READY', 'READY']);
    // Its rate is respected: far fewer calls than its usual pace would make.
    if (faults.listFails) expect(cloud.calls.length - before).toBeLessThan(30);
    cloud.faults = {};
    for (const id of ids) setDesired(id, 'GONE');
    await reach('all are GONE', () => ids.every((id) => statusIs(id, 'GONE')()), 5 * 60_000);
  });

  it('C4: a machine is believed to be lost only after it was missed several times', async () => {
    const id = want();
    await reach('it is READY', statusIs(id, 'READY'));
    cloud.lose(rowOf(id).tag);
    await reach('it has FAILED', statusIs(id, 'FAILED'), 5 * 60_000);
    expect(rowOf(id)).toMatchObject({ failure: { code: 'VANISHED' }, mayExist: false });
    expect(engine().state.tables.workers.size).toBe(0);
  });

  it.each<[string, SimFaults, string]>([
    ['no stock', { outOfStock: ['small'] }, 'OUT_OF_STOCK'],
    ['a quota of 0', { quota: ['*'] }, 'QUOTA'],
    ['revoked credentials', { authRevoked: true }, 'AUTH'],
    ['a price ten times as high', { priceFactor: 10 }, 'PRICE_CHANGED'],
  ])('C5: %s fails at once with a reason of its own', async (_, faults, code) => {
    cloud.faults = faults;
    const id = want();
    await reach('it has FAILED', statusIs(id, 'FAILED'), 5_000);
    expect(rowOf(id)).toMatchObject({ failure: { code }, mayExist: false });
    await pass(60_000);
    expect(cloud.calls.filter((call) => call === 'create')).toHaveLength(1);
    expect(cloud.machines.size).toBe(0);
  });

  it('C5: a place that has one of them left gives one, and the next one fails', async () => {
    const first = want({ type: 'gpu', region: 'east', zone: 'a' });
    await reach('the first is READY', statusIs(first, 'READY'));
    const second = want({ type: 'gpu', region: 'east', zone: 'a' });
    await reach('the second has FAILED', statusIs(second, 'FAILED'));
    expect(rowOf(second).failure?.code).toBe('OUT_OF_STOCK');
  });

  it('C6: a machine that is taken back without notice has its reason, and what ran there is given up', async () => {
    const id = want();
    await reach('it is READY', statusIs(id, 'READY'));
    const { tag, workerId } = rowOf(id);
    cloud.lose(tag);
    await reach('it has FAILED', statusIs(id, 'FAILED'), 5 * 60_000);
    expect(rowOf(id).failure?.code).toBe('VANISHED');
    expect(engine().state.tables.workers.get(workerId ?? '')).toBeUndefined();
  });

  it('C7: a machine whose worker never joins fails at its deadline, and is removed', async () => {
    cloud.faults = { neverJoins: true };
    const id = want();
    await reach('it has FAILED', statusIs(id, 'FAILED'), 15 * 60_000);
    expect(rowOf(id).failure?.code).toBe('JOIN_TIMEOUT');
    await reach('nothing is left', () => cloud.machines.size === 0 && !rowOf(id).mayExist);
    expect(rowOf(id).billedToMs).not.toBeNull();
  });

  it.each(['WANTED', 'CREATING', 'JOINING', 'READY', 'STOPPING', 'STOPPED', 'STARTING', 'FAILED'])(
    'C8: given up while %s, it ends GONE and nothing is left',
    async (status) => {
      cloud.faults = {
        createDelayS: 2,
        bootDelayS: 5,
        startDelayS: 5,
        ...(status === 'FAILED' && { neverJoins: true }),
      };
      const id = want();
      if (['STOPPING', 'STOPPED', 'STARTING'].includes(status)) {
        await reach('it is READY', statusIs(id, 'READY'));
        setDesired(id, 'STOPPED');
      }
      if (status === 'STARTING') {
        await reach('it is STOPPED', statusIs(id, 'STOPPED'));
        setDesired(id, 'RUNNING');
      }
      await reach(`it is ${status}`, statusIs(id, status), 20 * 60_000);
      setDesired(id, 'GONE');
      await reach('it is GONE', statusIs(id, 'GONE'), 5 * 60_000);
      await pass(60_000);
      expect(cloud.machines.size).toBe(0);
      expect(rowOf(id)).toMatchObject({ status: 'GONE', mayExist: false });
      expect(engine().state.tables.workers.size).toBe(0);
      expect([...engine().state.tables.joinTokens.all()]).toEqual([]);
    },
  );

  it('C9: a machine with our tag that no record knows is shown and left alone; elsewhere it is removed', async () => {
    const id = want();
    await reach('it is READY', statusIs(id, 'READY'));
    const { tag } = rowOf(id);
    const record = cloud.machines.get(tag);
    if (!record) throw new Error('no machine');
    herd.killHead();
    herd.store.forgetRows('machines', () => true);
    await herd.startHead();
    await reach('it is shown', () =>
      engine()
        .infra.describe()
        .some(({ unknown }) => unknown.some((each) => each.tag === tag)),
    );
    await pass(10 * 60_000);
    expect(cloud.machines.size).toBe(1);
    herd.killHead();
    herd.machines = { unknownMachines: 'remove' };
    await herd.startHead();
    await reach('it is removed', () => cloud.machines.size === 0);
  });

  it('C9: a machine of another herd is never touched, whatever the policy', async () => {
    herd.killHead();
    herd.machines = { unknownMachines: 'remove' };
    await herd.startHead();
    const tag = 'drover-0123456789ab-0123456789abcdef0123456789abcdef';
    const order = {
      tag,
      type: 'small',
      region: null,
      zone: null,
      spot: false,
      name: 'theirs',
      join: { url: '', token: '' },
      maxPricePerHour: null,
    };
    await cloud.provider.create(order);
    await pass(10 * 60_000);
    expect(cloud.machines.size).toBe(1);
    expect(
      engine()
        .infra.describe()
        .flatMap(({ unknown }) => unknown),
    ).toEqual([]);
  });

  it('C10: a second worker with the token of one machine is refused, and the first stays', async () => {
    cloud.faults = { joinsTwice: true };
    const id = want();
    await reach('it is READY', statusIs(id, 'READY'));
    await reach('the copy has tried', () => cloud.copies.length === 1);
    expect(cloud.copies).toEqual(['refused']);
    expect([...engine().state.tables.workers.all()].map((row) => row.id)).toEqual([rowOf(id).workerId]);
  });
});

describe('a head that dies', () => {
  it.each([0, 1, 2, 3, 5, 8, 30, 100, 500, 1_000, 2_000, 3_000, 5_000])(
    'P3: %i ms after the wish leaves one machine, from its row alone',
    async (ms) => {
      cloud.faults = { createDelayS: 1, bootDelayS: 2 };
      const id = want();
      await pass(ms);
      const isStored = herd.store.peek('machines', id) !== null;
      await restart();
      if (!isStored && !herd.engine?.state.tables.machines.get(id)) {
        // The wish was not durable: nobody was told of it, and nobody was asked for it.
        await pass(60_000);
        expect(cloud.machines.size).toBe(0);
        return;
      }
      await reach('it is READY', statusIs(id, 'READY'));
      expect([...cloud.machines.keys()]).toEqual([rowOf(id).tag]);
    },
  );

  it.each([0, 5, 50, 500, 2_000, 8_000])('%i ms after the end was wanted leaves nothing', async (ms) => {
    const id = want();
    await reach('it is READY', statusIs(id, 'READY'));
    setDesired(id, 'GONE');
    await pass(ms);
    await restart();
    if (rowOf(id).desired !== 'GONE') setDesired(id, 'GONE');
    await reach('it is GONE', statusIs(id, 'GONE'));
    expect(cloud.machines.size).toBe(0);
  });
});
