import { execBody, launchBody } from '@drover/core/wire';
import { codeOf, SIM_ACTOR, SimHerd, type SimWorker } from '@drover/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Actor, ClusterRow, RequestRow } from '../index.ts';
import { viewInstance } from '../instances/view.ts';

const script = (runMs = 50, code = 0): string =>
  JSON.stringify({ runMs, code, ignoresTerm: false, failsToStart: false });
const gpus = (count: number) => ({ choices: [{ accelerators: { name: 'H100', count } }] });
const START = { autostop: null, retryUntilUp: false, force: false };

let herd: SimHerd;
let workers: SimWorker[];
const engine = () => {
  if (!herd.engine) throw new Error('no head');
  return herd.engine;
};
const work = () => engine().work;
const launch = (cluster: string, task: object = {}, more: object = {}): RequestRow =>
  work().clusters.launch(SIM_ACTOR, launchBody.parse({ cluster, task: { run: script(), ...task }, ...more }));
const exec = (cluster: string, task: object = {}): RequestRow =>
  work().clusters.exec(SIM_ACTOR, cluster, execBody.parse({ task: { run: script(), ...task } }));
const end = (verb: 'stop' | 'down', cluster: string, purge = false): RequestRow =>
  work().clusters[verb](SIM_ACTOR, cluster, { purge });
const start = (cluster: string): RequestRow => work().clusters.start(SIM_ACTOR, cluster, START);
const cluster = (name: string): ClusterRow | undefined => work().clusters.find(SIM_ACTOR, name);
const request = (id: string): RequestRow => engine().state.tables.requests.get(id) as RequestRow;
const job = (name: string, number: number) => work().jobs.get(work().clusters.get(SIM_ACTOR, name), number);
const reach = async (what: string, holds: () => boolean): Promise<void> => {
  if (!(await herd.clock.until(holds, herd.clock.nowMs + 300_000))) throw new Error(`not reached: ${what}`);
};
const ended = async ({ id }: RequestRow): Promise<RequestRow> => {
  await reach('the request ends', () => request(id).endedMs !== null);
  return request(id);
};

async function begin(count: number, cpu = 4): Promise<void> {
  herd = new SimHerd(5);
  await herd.startHead();
  workers = [];
  for (let at = 0; at < count; at += 1) workers.push(await herd.addWorker(cpu, 2));
  const { tables } = engine().state;
  await reach('all are ONLINE', () => [...tables.workers.all()].every((row) => row.status === 'ONLINE'));
}

beforeEach(async () => await begin(2));

describe('a cluster that was stopped and started', () => {
  it('has its GPUs and costs again', async () => {
    await ended(launch('c', { resources: gpus(2) }));
    await ended(end('stop', 'c'));
    await ended(start('c'));
    const run = exec('c', { resources: gpus(1) });
    await ended(run);
    await reach('it has run', () => job('c', 2).status === 'SUCCEEDED');
    expect(cluster('c')?.nodes[0]?.gpuIndices).toEqual([0, 1]);
    expect(cluster('c')?.usage.map(({ toMs }) => toMs === null)).toEqual([false, true]);
  });

  it('forgets that an earlier end was a purge', async () => {
    await ended(launch('c'));
    await ended(end('stop', 'c', true));
    await ended(start('c'));
    expect(cluster('c')?.purge).toBe(false);
    await ended(end('stop', 'c', true));
    end('down', 'c');
    expect(cluster('c')?.purge).toBe(false);
  });
});

describe('a setup that fails', () => {
  const failing = { setup: script(1_000, 3) };
  const settingUp = (): Promise<void> =>
    reach('it sets up', () => cluster('c')?.reason?.code === 'SETTING_UP');

  it('ends the start, the exec and the launch that wait behind it', async () => {
    const first = launch('c', failing);
    await settingUp();
    const others = [start('c'), exec('c')];
    expect(await ended(first)).toMatchObject({ status: 'FAILED', error: { code: 'COMMAND_FAILED' } });
    for (const each of others) expect((await ended(each)).status).toBe('FAILED');
    expect(job('c', 2)).toMatchObject({ status: 'FAILED_DRIVER', error: { code: 'CLUSTER_NOT_UP' } });
    expect(codeOf(() => exec('c'))).toBe('CLUSTER_NOT_UP');
    const third = launch('c', {}, { noSetup: true });
    expect((await ended(third)).status).toBe('SUCCEEDED');
    expect(cluster('c')?.status).toBe('UP');
  });

  it('does not keep a launch without setup behind it from being UP', async () => {
    launch('c', failing);
    await settingUp();
    expect((await ended(launch('c', {}, { noSetup: true }))).status).toBe('SUCCEEDED');
  });
});

describe('calls that cross', () => {
  it('nothing is launched on what was told to go down, stopped or not', async () => {
    await ended(launch('c'));
    await ended(end('stop', 'c'));
    const down = end('down', 'c');
    expect(codeOf(() => launch('c'))).toBe('CLUSTER_NOT_UP');
    expect(codeOf(() => start('c'))).toBe('CLUSTER_NOT_UP');
    const again = end('down', 'c');
    for (const each of [down, again]) expect((await ended(each)).status).toBe('SUCCEEDED');
  });

  it('a launch does not change what is sought for an earlier one', async () => {
    await begin(0);
    const first = launch('c', { numNodes: 2, resources: gpus(1) }, { retryUntilUp: true });
    const second = launch('c', { numNodes: 1, resources: gpus(2) }, { retryUntilUp: true });
    expect(cluster('c')).toMatchObject({ numNodes: 2 });
    for (let at = 0; at < 2; at += 1) await herd.addWorker(4, 2);
    expect((await ended(first)).status).toBe('SUCCEEDED');
    // It is known to be too much only when the nodes are there.
    expect(await ended(second)).toMatchObject({ status: 'FAILED', error: { code: 'RESOURCES_MISMATCH' } });
  });

  it('a start that is cancelled does not take back what another waits for', async () => {
    await ended(launch('c', { setup: script() }));
    await ended(end('stop', 'c'));
    // A worker that is neither here nor gone is waited for.
    const away = workers.find(({ disk }) => disk.homes.size > 0) as SimWorker;
    herd.setCut(away, true);
    await reach('it is doubted', () => engine().state.tables.workers.get(away.id)?.status === 'SUSPECT');
    const [first, second] = [start('c'), start('c')];
    work()
      .requestCancel.cancel(SIM_ACTOR, { refs: [first.id], all: false, allUsers: false })
      .catch((error: unknown) => herd.errors.push(String(error)));
    expect((await ended(first)).status).toBe('CANCELLED');
    herd.setCut(away, false);
    expect((await ended(second)).status).toBe('SUCCEEDED');
  });

  it('an id of a request is of one call of one user', async () => {
    const requestId = '00000000-0000-4000-8000-000000000001';
    const body = launchBody.parse({ cluster: 'c', task: { run: script() } });
    const made = work().clusters.launch(SIM_ACTOR, body, { requestId });
    expect(work().clusters.launch(SIM_ACTOR, body, { requestId }).id).toBe(made.id);
    const other: Actor = { ...SIM_ACTOR, user: { id: 'u2', name: 'bob' } };
    const conflict = 'IDEMPOTENCY_CONFLICT';
    expect(codeOf(() => work().clusters.launch(other, body, { requestId }))).toBe(conflict);
    expect(codeOf(() => work().clusters.launch(SIM_ACTOR, { ...body, noSetup: true }, { requestId }))).toBe(
      conflict,
    );
    expect(codeOf(() => work().clusters.launch(SIM_ACTOR, { ...body, cluster: 'd' }, { requestId }))).toBe(
      conflict,
    );
    expect(codeOf(() => work().clusters.down(SIM_ACTOR, 'c', { purge: false }, { requestId }))).toBe(
      conflict,
    );
  });
});

describe('a node that goes', () => {
  it('is replaced on a worker that has no other node, and what ran there ends', async () => {
    await begin(3);
    await ended(launch('c', { numNodes: 2, run: script(3_600_000) }));
    const lost = workers.find(({ id }) => id === cluster('c')?.nodes[1]?.workerId) as SimWorker;
    await reach('it runs', () => lost.disk.starts.length > 0);
    herd.setCut(lost, true);
    await reach('it is missed', () => cluster('c')?.reason?.code === 'NODE_LOST');
    expect(codeOf(() => exec('c'))).toBe('CLUSTER_NOT_UP');
    expect((await ended(launch('c', { numNodes: 2 }))).status).toBe('SUCCEEDED');
    const on = cluster('c')?.nodes.map(({ workerId }) => workerId);
    expect(new Set(on).size).toBe(2);
    expect(on).not.toContain(lost.id);
    await reach('the first job has ended', () => job('c', 1).status === 'FAILED_DRIVER');
    herd.setCut(lost, false);
    await reach('it is stopped there', () => lost.disk.killed.length > 0);
  });

  it('and cannot be replaced stops its cluster only when what runs on the others has ended', async () => {
    await ended(launch('c', { numNodes: 2 }));
    await ended(exec('c', { run: script(3_600_000) }));
    await reach('it runs', () => job('c', 2).status === 'RUNNING');
    const rank = job('c', 2).nodes[0] === 0 ? 1 : 0;
    const lost = workers.find(({ id }) => id === cluster('c')?.nodes[rank]?.workerId) as SimWorker;
    herd.setCut(lost, true);
    await reach('it is OFFLINE', () => engine().state.tables.workers.get(lost.id)?.status === 'OFFLINE');
    engine().workers.delete(SIM_ACTOR, lost.id);
    await reach('it is stopped', () => cluster('c')?.status === 'STOPPED');
    expect(job('c', 2).status).toBe('CANCELLED');
    expect(engine().state.tables.reservations.size).toBe(0);
    for (const { disk } of workers)
      for (const process of disk.processes.values()) expect(process.exit).not.toBeNull();
  });

  it('with its home ordered to be removed there is no failure of the down when it is deleted', async () => {
    await ended(launch('c', { numNodes: 2 }));
    const lost = workers.find(({ id }) => id === cluster('c')?.nodes[1]?.workerId) as SimWorker;
    herd.setCut(lost, true);
    await reach('it is missed', () => cluster('c')?.reason?.code === 'NODE_LOST');
    const down = end('down', 'c');
    await reach('it says so', () => cluster('c')?.reason?.code === 'NODE_OFFLINE');
    engine().workers.delete(SIM_ACTOR, lost.id);
    expect((await ended(down)).status).toBe('SUCCEEDED');
  });

  it('and is purged loses its home when it is back', async () => {
    await ended(launch('c'));
    const lost = workers.find(({ id }) => id === cluster('c')?.nodes[0]?.workerId) as SimWorker;
    herd.setCut(lost, true);
    await reach('it is missed', () => cluster('c')?.reason?.code === 'NODE_LOST');
    expect((await ended(end('down', 'c', true))).status).toBe('SUCCEEDED');
    herd.setCut(lost, false);
    await reach('its home is gone', () => lost.disk.homes.size === 0);
  });
});

it('a secret reaches the command and nobody else', async () => {
  await ended(launch('c', { setup: script(), secrets: { KEY: 'hush-hush' }, envs: { SEEN: 'yes' } }));
  await reach('it has run', () => job('c', 1).status === 'SUCCEEDED');
  const rows = [...engine().state.tables.instances.all()];
  expect(rows.length).toBe(2);
  for (const row of rows) {
    expect(row.spec.node?.context['KEY']).toBe('hush-hush');
    const view = viewInstance(row, null);
    expect(view.env).toEqual({ SEEN: 'yes' });
    expect(JSON.stringify(view)).not.toContain('hush-hush');
  }
  const requests = [...engine().state.tables.requests.all()].map((row) => engine().views.request(row));
  const row = cluster('c') as ClusterRow;
  const shown = [engine().views.cluster(row), engine().views.clusterJob(row, job('c', 1)), requests];
  expect(JSON.stringify(shown)).not.toContain('hush-hush');
});
