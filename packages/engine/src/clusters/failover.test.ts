/** Clusters on machines of their own: what is out of stock is passed over, what is lost is told, and nothing is left. */
import { launchBody } from '@drover/core/wire';
import { SIM_ACTOR, SimCloud, SimHerd, simProviders } from '@drover/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import type { ClusterRow, RequestRow } from '../index.ts';

const CONFIG = `
features: {stop: true, spot: true}
types:
  - type: small
    cpus: 2
    memoryMiB: 4096
    price: 0.5
    spotPrice: 0.1
    places: [{region: east}, {region: west}]
  - type: large
    cpus: 8
    memoryMiB: 32768
    price: 2
    places: [{region: west}]
`;
const script = (runMs = 50, code = 0): string =>
  JSON.stringify({ runMs, code, ignoresTerm: false, failsToStart: false });

let herd: SimHerd;
let cloud: SimCloud;
const engine = () => {
  if (!herd.engine) throw new Error('no head');
  return herd.engine;
};
const launch = (cluster: string, task: object = {}, more: object = {}): RequestRow =>
  engine().work.clusters.launch(
    SIM_ACTOR,
    launchBody.parse({ cluster, task: { run: script(), ...task }, ...more }),
  );
const request = (id: string): RequestRow => engine().state.tables.requests.get(id) as RequestRow;
const cluster = (name: string): ClusterRow | undefined => engine().work.clusters.find(SIM_ACTOR, name);
const reach = async (what: string, holds: () => boolean, limitMs = 600_000): Promise<void> => {
  if (!(await herd.clock.until(holds, herd.clock.nowMs + limitMs)))
    throw new Error(`not reached: ${what}; ${JSON.stringify([...engine().state.tables.machines.all()])}`);
};
const ended = async (id: string): Promise<RequestRow> => {
  await reach('the request ends', () => request(id)?.endedMs != null);
  return request(id);
};
const kind = (choice: object) => ({ resources: { choices: [choice] } });

beforeEach(async () => {
  herd = new SimHerd(11);
  cloud = new SimCloud(herd, 'sim', CONFIG);
  herd.providers = simProviders(cloud);
  await herd.startHead();
});

describe('a cluster on machines of its own', () => {
  it('is made at the cheapest place, stops and starts there, and leaves no machine', async () => {
    const made = await ended(launch('c', { numNodes: 2 }).id);
    expect(made).toMatchObject({ status: 'SUCCEEDED', result: { jobId: 1 } });
    expect(cluster('c')).toMatchObject({ status: 'UP', candidate: { machine: { type: 'small' } } });
    expect(cloud.machines.size).toBe(2);
    await herd.clock.until(() => false, herd.clock.nowMs + 3_600_000);
    const before = cluster('c')?.nodes.map((node) => node.machine);
    const { clusters } = engine().work;
    expect((await ended(clusters.stop(SIM_ACTOR, 'c', { purge: false }).id)).status).toBe('SUCCEEDED');
    expect([...cloud.machines.values()].length).toBe(2);
    const start = clusters.start(SIM_ACTOR, 'c', { autostop: null, retryUntilUp: false, force: false });
    expect((await ended(start.id)).status).toBe('SUCCEEDED');
    expect(cluster('c')?.nodes.map((node) => node.machine)).toEqual(before);
    expect((await ended(clusters.down(SIM_ACTOR, 'c', { purge: false }).id)).status).toBe('SUCCEEDED');
    expect(cloud.machines.size).toBe(0);
    const [cost] = engine().work.reads.costs(SIM_ACTOR, 30);
    expect(cost).toMatchObject({ name: 'c', status: 'TERMINATED', pricePerHour: 1 });
    expect(cost?.cost).toBeGreaterThan(0.99);
    expect(cost?.cost).toBeLessThan(1.1);
    expect(herd.errors).toEqual([]);
  });

  it('that is on spot cannot be stopped', async () => {
    await ended(launch('s', kind({ useSpot: true })).id);
    expect(cluster('s')).toMatchObject({ status: 'UP', candidate: { spot: true } });
    expect(() => engine().work.clusters.stop(SIM_ACTOR, 's', { purge: false })).toThrow(/spot/);
    await ended(engine().work.clusters.down(SIM_ACTOR, 's', { purge: false }).id);
    expect(cloud.machines.size).toBe(0);
  });

  it('C5: fails over to the next place, and when all are out of stock says each of them', async () => {
    cloud.faults = { outOfStock: ['*@east'] };
    const first = launch('c');
    expect((await ended(first.id)).status).toBe('SUCCEEDED');
    expect(cluster('c')?.candidate?.machine.region).toBe('west');
    cloud.faults = { outOfStock: ['*@east', '*@west'] };
    const second = await ended(launch('d').id);
    expect(second).toMatchObject({ status: 'FAILED', error: { code: 'RESOURCES_UNAVAILABLE' } });
    const history = second.error?.details['failoverHistory'] as { code: string; region: string }[];
    expect(history.map((each) => each.code)).toContain('OUT_OF_STOCK');
    expect(history.length).toBeGreaterThan(1);
    expect(cluster('d')).toMatchObject({ status: 'INIT', nodes: [] });
    await reach('only one machine is left', () => cloud.machines.size === 1);
  });

  it('with retryUntilUp is made as soon as there is stock', async () => {
    cloud.faults = { outOfStock: ['*@east', '*@west'] };
    const { id } = launch('c', {}, { retryUntilUp: true });
    await herd.clock.until(() => false, herd.clock.nowMs + 60_000);
    expect(request(id).status).toBe('RUNNING');
    await herd.clock.until(() => false, herd.clock.nowMs + 2 * 3_600_000);
    cloud.faults = {};
    expect((await ended(id)).status).toBe('SUCCEEDED');
    // However long it took, whoever follows its log hears how it ended.
    expect(request(id).lines.length).toBeLessThan(400);
    expect(request(id).lines.at(-1)).toEqual({ text: 'Cluster c is UP.' });
    await reach('one machine', () => cloud.machines.size === 1);
  });

  it('C8: cancelled at any stage leaves no machine', async () => {
    cloud.faults = { bootDelayS: 3 };
    for (let afterMs = 0; afterMs < 6_000; afterMs += 400) {
      const name = `c${afterMs}`;
      const { id } = launch(name, { setup: script(1_000), numNodes: 2 });
      await herd.clock.until(() => false, herd.clock.nowMs + afterMs);
      engine()
        .work.requestCancel.cancel(SIM_ACTOR, { refs: [id], all: false, allUsers: false })
        .catch((error: unknown) => herd.errors.push(String(error)));
      await ended(id);
      if (cluster(name)) await ended(engine().work.clusters.down(SIM_ACTOR, name, { purge: false }).id);
      await reach('no machine is left', () => cloud.machines.size === 0);
    }
    expect(herd.errors).toEqual([]);
  });

  it('has exactly its machines, however often the head is killed on the way', async () => {
    cloud.faults = { bootDelayS: 2 };
    const { id } = launch('c', { numNodes: 2, setup: script(500) });
    await reach('it is durable', () => engine().state.durableRev >= request(id).rev);
    for (let kill = 0; kill < 12; kill += 1) {
      await herd.clock.until(() => false, herd.clock.nowMs + 350);
      herd.killHead();
      await herd.startHead();
    }
    expect((await ended(id)).status).toBe('SUCCEEDED');
    expect(cloud.machines.size).toBe(2);
    const down = engine().work.clusters.down(SIM_ACTOR, 'c', { purge: false });
    await reach('it is durable', () => engine().state.durableRev >= request(down.id).rev);
    for (let kill = 0; kill < 6; kill += 1) {
      herd.killHead();
      await herd.startHead();
      await herd.clock.until(() => false, herd.clock.nowMs + 150);
    }
    expect((await ended(down.id)).status).toBe('SUCCEEDED');
    expect(cloud.machines.size).toBe(0);
  });

  it('whose start fails for one machine does not leave the others running', async () => {
    await ended(launch('c', { numNodes: 2 }).id);
    await ended(engine().work.clusters.stop(SIM_ACTOR, 'c', { purge: false }).id);
    cloud.lose([...cloud.machines.keys()][0] ?? '');
    const start = engine().work.clusters.start(SIM_ACTOR, 'c', {
      autostop: null,
      retryUntilUp: false,
      force: false,
    });
    expect(await ended(start.id)).toMatchObject({ status: 'FAILED' });
    const machines = () => [...engine().state.tables.machines.all()];
    await reach('none runs', () => machines().every(({ status }) => status !== 'READY'));
    await herd.clock.until(() => false, herd.clock.nowMs + 60_000);
    expect(machines().map(({ status }) => status)).not.toContain('READY');
  });

  it('whose machine is lost says so, and goes down without it', async () => {
    await ended(launch('c', { run: script(3_600_000) }).id);
    const [tag] = [...cloud.machines.keys()];
    cloud.lose(tag ?? '');
    await reach('it is missed', () => cluster('c')?.status === 'INIT');
    expect((await ended(engine().work.clusters.down(SIM_ACTOR, 'c', { purge: false }).id)).status).toBe(
      'SUCCEEDED',
    );
    expect(cloud.machines.size).toBe(0);
  });
});
