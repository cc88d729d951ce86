import { execBody, launchBody } from '@drover/core/wire';
import { codeOf, SIM_ACTOR, SimHerd, type SimWorker } from '@drover/testkit';
import { describe, expect, it } from 'vitest';
import type { Actor, ClusterRow, JobRow, RequestRow } from '../index.ts';

interface Script {
  readonly runMs?: number;
  readonly code?: number;
}
const script = ({ runMs = 50, code = 0 }: Script = {}): string =>
  JSON.stringify({ runMs, code, ignoresTerm: false, failsToStart: false });
const cpus = (amount: number) => ({ choices: [{ cpus: { amount, atLeast: false } }] });

class World {
  readonly herd: SimHerd;
  readonly workers: SimWorker[] = [];

  constructor(seed = 7) {
    this.herd = new SimHerd(seed);
  }

  static async of(workers: number, cpu = 4, seed = 7): Promise<World> {
    const world = new World(seed);
    await world.herd.startHead();
    for (let at = 0; at < workers; at += 1) world.workers.push(await world.herd.addWorker(cpu));
    await world.reach('all workers are ONLINE', () =>
      [...world.engine.state.tables.workers.all()].every((row) => row.status === 'ONLINE'),
    );
    return world;
  }

  get engine() {
    if (!this.herd.engine) throw new Error('no head');
    return this.herd.engine;
  }

  async reach(what: string, holds: () => boolean, limitMs = 120_000): Promise<void> {
    if (!(await this.herd.clock.until(holds, this.herd.clock.nowMs + limitMs)))
      throw new Error(`not reached: ${what}`);
  }

  async pass(ms: number): Promise<void> {
    await this.herd.clock.until(() => false, this.herd.clock.nowMs + ms);
  }

  launch(cluster: string, task: object = {}, more: object = {}, actor: Actor = SIM_ACTOR): RequestRow {
    const body = launchBody.parse({ cluster, task: { run: script(), ...task }, ...more });
    return this.engine.work.clusters.launch(actor, body);
  }

  exec(cluster: string, task: object = {}, actor: Actor = SIM_ACTOR): RequestRow {
    return this.engine.work.clusters.exec(
      actor,
      cluster,
      execBody.parse({ task: { run: script(), ...task } }),
    );
  }

  cluster(name: string): ClusterRow | undefined {
    return this.engine.work.clusters.find(SIM_ACTOR, name);
  }

  job(name: string, number: number): JobRow {
    const cluster = this.cluster(name);
    if (!cluster) throw new Error(`no cluster ${name}`);
    return this.engine.work.jobs.get(cluster, number);
  }

  request(id: string): RequestRow {
    const row = this.engine.state.tables.requests.get(id);
    if (!row) throw new Error(`no request ${id}`);
    return row;
  }

  /** The request when it has ended. */
  async ended(id: string): Promise<RequestRow> {
    await this.reach(`request ${id} ends`, () => this.request(id).endedMs !== null);
    return this.request(id);
  }

  async up(name: string, task: object = {}, more: object = {}): Promise<void> {
    expect(await this.ended(this.launch(name, task, more).id)).toMatchObject({ status: 'SUCCEEDED' });
  }

  /** What is held, and what is left on the machines. */
  leftovers(): object {
    const { tables } = this.engine.state;
    return {
      reservations: tables.reservations.size,
      homes: this.workers.flatMap((worker) => [...worker.disk.homes]).length,
      live: [...tables.instances.all()].filter((row) => !row.released).length,
    };
  }
}
const NOTHING_LEFT = { reservations: 0, homes: 0, live: 0 };

const running = (world: World): Promise<void> =>
  world.reach('it runs on all nodes', () => world.workers.every((worker) => worker.disk.homes.size > 0));

describe('a head killed at every commit', () => {
  type Act = (world: World) => { id: string };
  const steps: Record<string, { before: ((world: World) => Promise<void>)[]; act: Act; shape: object }> = {
    launch: {
      before: [],
      act: (world) => world.launch('c', { setup: script(), numNodes: 2, run: script({ runMs: 200 }) }),
      shape: { status: 'UP', result: { jobId: 1, cluster: 'c' }, homes: 2, reservations: 2 },
    },
    stop: {
      before: [(world) => world.up('c', { numNodes: 2, run: script({ runMs: 60_000 }) }), running],
      act: (world) => world.engine.work.clusters.stop(SIM_ACTOR, 'c', { purge: false }),
      shape: { status: 'STOPPED', result: null, homes: 2, reservations: 0 },
    },
    start: {
      before: [
        (world) => world.up('c', { numNodes: 2, run: script() }),
        running,
        async (world) => {
          await world.ended(world.engine.work.clusters.stop(SIM_ACTOR, 'c', { purge: false }).id);
        },
      ],
      act: (world) =>
        world.engine.work.clusters.start(SIM_ACTOR, 'c', {
          autostop: null,
          retryUntilUp: false,
          force: false,
        }),
      shape: { status: 'UP', result: { cluster: 'c' }, homes: 2, reservations: 2 },
    },
    down: {
      before: [(world) => world.up('c', { numNodes: 2, run: script({ runMs: 60_000 }) }), running],
      act: (world) => world.engine.work.clusters.down(SIM_ACTOR, 'c', { purge: false }),
      shape: { status: undefined, result: null, homes: 0, reservations: 0 },
    },
  };
  for (const [name, { before, act, shape }] of Object.entries(steps)) {
    it(`ends ${name} in the same state`, async () => {
      let commits = Number.POSITIVE_INFINITY;
      for (let killAt = 0; killAt <= commits; killAt += 1) {
        const world = await World.of(2, 4, 100 + killAt);
        for (const step of before) await step(world);
        const first = (await world.herd.store.last()).batch;
        const request = act(world);
        // Whoever called has its id when it is durable.
        await world.reach(
          'it is durable',
          () => world.engine.state.durableRev >= world.request(request.id).rev,
        );
        let last = first;
        const isOver = (): boolean => world.request(request.id).endedMs !== null;
        await world.reach('so many commits', () => {
          void world.herd.store.last().then((now) => {
            last = now.batch;
          });
          return last - first > killAt || isOver();
        });
        if (isOver()) commits = killAt;
        world.herd.killHead();
        await world.pass(300);
        await world.herd.startHead();
        const ended = await world.ended(request.id);
        expect({ killAt, status: ended.status, result: ended.result }).toEqual({
          killAt,
          status: 'SUCCEEDED',
          result: (shape as { result: unknown }).result,
        });
        await world.reach('its end state', () => {
          const left = world.leftovers() as { homes: number; reservations: number };
          const { status, homes, reservations } = shape as Record<string, unknown>;
          return (
            world.cluster('c')?.status === status &&
            left.homes === homes &&
            left.reservations === reservations
          );
        });
        expect(world.herd.errors).toEqual([]);
        // Nothing was started twice.
        for (const worker of world.workers)
          expect(new Set(worker.disk.starts).size).toBe(worker.disk.starts.length);
      }
    });
  }
});

describe('the queue of a cluster', () => {
  it('is first in, first out, and lets nobody delay an older one', async () => {
    const world = await World.of(2, 1);
    await world.up('c', { numNodes: 2, resources: cpus(1), run: script({ runMs: 1_000 }) });
    // One node's worth each: 0.5 CPUs of 1, on one of two nodes.
    const wide = world.exec('c', { numNodes: 2, run: script({ runMs: 500 }) });
    for (let at = 0; at < 6; at += 1) world.exec('c', { run: script({ runMs: 100 }) });
    await world.ended(wide.id);
    await world.reach(
      'all have ended',
      () => world.engine.state.liveJobs.of(`clusters/${world.cluster('c')?.id}`).length === 0,
    );
    const started = [1, 2, 3, 4, 5, 6, 7, 8].map((number) => world.job('c', number).startedMs ?? 0);
    expect([...started].sort((a, b) => a - b)).toEqual(started);
  });

  it('cancels by number, all of a user, and the newest; another user is asked for by name', async () => {
    const world = await World.of(1, 1);
    const other: Actor = { ...SIM_ACTOR, user: { id: 'u2', name: 'bob' } };
    await world.up('c', { resources: cpus(1), run: script({ runMs: 60_000 }) });
    world.exec('c', { run: script({ runMs: 60_000 }) });
    for (let at = 0; at < 3; at += 1) world.exec('c', {});
    world.exec('c', {}, other);
    await world.pass(1_000);
    const { jobs } = world.engine.work;
    const cluster = world.cluster('c') as ClusterRow;
    const none = { numbers: null, all: false, allUsers: false };
    expect(jobs.list(SIM_ACTOR, cluster, { allUsers: false }).map((job) => job.number)).toEqual([
      5, 4, 3, 2, 1,
    ]);
    expect(jobs.cancel(SIM_ACTOR, cluster, none)).toEqual([5]);
    expect(jobs.cancel(SIM_ACTOR, cluster, { ...none, numbers: [4, 99] })).toEqual([4]);
    expect(jobs.cancel(SIM_ACTOR, cluster, { ...none, all: true })).toEqual([1, 2, 3]);
    expect(jobs.cancel(SIM_ACTOR, cluster, { ...none, allUsers: true })).toEqual([6]);
    await world.reach(
      'all have ended',
      () => jobs.list(SIM_ACTOR, cluster, { skipFinished: true }).length === 0,
    );
    expect(jobs.list(SIM_ACTOR, cluster).map((job) => job.status)).toEqual(Array(6).fill('CANCELLED'));
    expect([...jobs.statuses(cluster, [1, 77])]).toEqual([
      [1, 'CANCELLED'],
      [77, null],
    ]);
  });
});

describe('autostop', () => {
  const minutes = 60_000;
  it('counts from the end of the last job, and stops it', async () => {
    const world = await World.of(1);
    await world.up('c', { run: script({ runMs: 10 * minutes }) }, { autostop: { idleMinutes: 5 } });
    await world.pass(14 * minutes);
    expect(world.cluster('c')?.status).toBe('UP');
    await world.pass(2 * minutes);
    expect(world.cluster('c')?.status).toBe('STOPPED');
    expect(world.leftovers()).toMatchObject({ reservations: 0, homes: 1 });
  });

  it('begins anew with a job, with a start, and with a setting made while none was active; the last setting wins', async () => {
    const world = await World.of(1);
    const { clusters } = world.engine.work;
    await world.up('c', { run: script() });
    await world.pass(60 * minutes);
    clusters.autostop(SIM_ACTOR, 'c', { idleMinutes: 30, down: false, waitFor: 'jobs' });
    await world.pass(20 * minutes);
    expect(world.cluster('c')?.status).toBe('UP');
    // One that replaces another does not begin anew.
    clusters.autostop(SIM_ACTOR, 'c', { idleMinutes: 25, down: false, waitFor: 'jobs' });
    await world.pass(4 * minutes);
    world.exec('c');
    await world.pass(24 * minutes);
    expect(world.cluster('c')?.status).toBe('UP');
    clusters.autostop(SIM_ACTOR, 'c', null);
    await world.pass(60 * minutes);
    expect(world.cluster('c')?.status).toBe('UP');
    clusters.autostop(SIM_ACTOR, 'c', { idleMinutes: 1, down: true, waitFor: 'jobs' });
    await world.pass(2 * minutes);
    expect(world.cluster('c')).toBeUndefined();
    expect(world.leftovers()).toEqual(NOTHING_LEFT);
  });

  it('tears down when all jobs have ended, and keeps what failed to set up', async () => {
    const world = await World.of(1);
    await world.up('c', { run: script({ runMs: minutes }) }, { down: true });
    await world.pass(2 * minutes);
    expect(world.cluster('c')).toBeUndefined();
    const bad = world.launch('bad', { setup: script({ code: 4 }) }, { down: true });
    expect(await world.ended(bad.id)).toMatchObject({ status: 'FAILED', error: { code: 'COMMAND_FAILED' } });
    await world.pass(10 * minutes);
    expect(world.cluster('bad')).toMatchObject({ status: 'INIT', reason: { code: 'SETUP_FAILED' } });
  });
});

describe('stop, down and cancel', () => {
  it('cancel the open requests of the cluster', async () => {
    const world = await World.of(1);
    const launch = world.launch('c', { setup: script({ runMs: 600_000 }) });
    const behind = world.launch('c', {});
    await world.reach('it sets up', () => world.cluster('c')?.reason?.code === 'SETTING_UP');
    expect(world.request(behind.id).status).toBe('PENDING');
    const down = world.engine.work.clusters.down(SIM_ACTOR, 'c', { purge: false });
    expect(await world.ended(down.id)).toMatchObject({ status: 'SUCCEEDED' });
    for (const { id } of [launch, behind]) expect(world.request(id).status).toBe('CANCELLED');
    expect(world.leftovers()).toEqual(NOTHING_LEFT);
  });

  it('C8: a launch cancelled at any moment leaves nothing that costs, and says what to do', async () => {
    for (let afterMs = 0; afterMs < 400; afterMs += 20) {
      const world = await World.of(2, 4, afterMs + 1);
      const request = world.launch('c', { numNodes: 2, setup: script({ runMs: 200 }), run: script() });
      await world.pass(afterMs);
      let cancelled: string[] | null = null;
      world.engine.work.requestCancel
        .cancel(SIM_ACTOR, { refs: [request.id], all: false, allUsers: false })
        .then((ids) => {
          cancelled = ids;
        })
        .catch((error: unknown) => world.herd.errors.push(String(error)));
      await world.reach('the cancel is answered', () => cancelled !== null || world.herd.errors.length > 0);
      const after = await world.ended(request.id);
      if (after.status === 'SUCCEEDED') continue;
      expect(after.status).toBe('CANCELLED');
      await world.reach('nothing is held', () => {
        const left = world.leftovers() as { reservations: number; live: number };
        return left.reservations === 0 && left.live === 0;
      });
      const cluster = world.cluster('c');
      if (cluster) expect(cluster).toMatchObject({ status: 'STOPPED', reason: { code: 'STOPPED' } });
      expect(world.herd.errors).toEqual([]);
    }
  });

  it('wait for a worker that is away, and with purge go on without it', async () => {
    const world = await World.of(1);
    await world.up('c', { run: script({ runMs: 600_000 }) });
    const [worker] = world.workers;
    if (!worker) throw new Error('no worker');
    await world.reach('it runs', () => worker.disk.starts.length > 0);
    world.herd.setCut(worker, true);
    await world.reach('it is missed', () => world.cluster('c')?.reason?.code === 'NODE_LOST');
    expect(world.cluster('c')?.status).toBe('INIT');
    const down = world.engine.work.clusters.down(SIM_ACTOR, 'c', { purge: false });
    await world.pass(30_000);
    expect(world.request(down.id).status).toBe('RUNNING');
    const purge = world.engine.work.clusters.down(SIM_ACTOR, 'c', { purge: true });
    expect((await world.ended(purge.id)).status).toBe('SUCCEEDED');
    world.herd.setCut(worker, false);
    await world.reach('what ran there is stopped', () => worker.disk.killed.length > 0);
  });
});

describe('reuse', () => {
  it('is refused when what is asked does not fit, or the cluster is going', async () => {
    const world = await World.of(1);
    await world.up('c', { resources: cpus(2) });
    expect(codeOf(() => world.launch('c', { resources: cpus(3) }))).toBe('RESOURCES_MISMATCH');
    expect(codeOf(() => world.launch('c', { numNodes: 2 }))).toBe('RESOURCES_MISMATCH');
    expect(codeOf(() => world.exec('none'))).toBe('CLUSTER_NOT_FOUND');
    world.engine.work.clusters.down(SIM_ACTOR, 'c', { purge: false });
    expect(codeOf(() => world.launch('c'))).toBe('CLUSTER_NOT_UP');
    expect(codeOf(() => world.exec('c'))).toBe('CLUSTER_NOT_UP');
  });

  it('with noSetup and fast leaves setup out', async () => {
    const world = await World.of(1);
    const setup = script();
    const starts = (): number => world.workers.reduce((sum, worker) => sum + worker.disk.starts.length, 0);
    await world.up('c', { setup });
    await world.pass(1_000);
    expect(starts()).toBe(2);
    await world.up('c', { setup }, { noSetup: true });
    await world.pass(1_000);
    expect(starts()).toBe(3);
    await world.up('c', { setup }, { fast: true });
    await world.pass(1_000);
    expect(starts()).toBe(4);
    await world.up('c', { setup });
    await world.pass(1_000);
    expect(starts()).toBe(6);
  });
});

describe('gangs', () => {
  it('R11: a hundred gangs with a worker that dies among them: none holds a part for ever', async () => {
    const world = await World.of(6, 2);
    const ids: string[] = [];
    for (let at = 0; at < 100; at += 1)
      ids.push(
        world.launch(
          `g${at}`,
          { numNodes: 3, resources: cpus(2), run: script({ runMs: 100 }) },
          { retryUntilUp: true, down: true },
        ).id,
      );
    await world.pass(200);
    const [victim] = world.workers;
    if (!victim) throw new Error('no worker');
    world.herd.killWorker(victim);
    await world.pass(10_000);
    await world.herd.startWorker(victim);
    await world.reach('all have run', () => ids.every((id) => world.request(id).endedMs !== null), 600_000);
    await world.reach(
      'all are gone',
      () => {
        for (let at = 0; at < 100; at += 1) if (world.cluster(`g${at}`)) return false;
        return true;
      },
      600_000,
    );
    expect(world.leftovers()).toEqual(NOTHING_LEFT);
    expect(world.herd.errors).toEqual([]);
  });
});
