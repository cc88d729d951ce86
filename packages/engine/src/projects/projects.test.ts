/** Users, projects, quotas and tokens on virtual time, over kills of the head. */
import type { Quotas, Role } from '@drover/core';
import { instanceSubmit, launchBody, projectCreate, tokenCreate, userCreate } from '@drover/core/wire';
import { codeOf, SIM_ACTOR, SimHerd } from '@drover/testkit';
import { describe, expect, it } from 'vitest';
import type { Actor, Bearer } from '../index.ts';

const ADMIN: Actor = { ...SIM_ACTOR, role: 'admin' };
const inProject = (project: string): Actor => ({ ...SIM_ACTOR, project, role: 'user' });
const script = JSON.stringify({ runMs: 100_000, code: 0, ignoresTerm: false, failsToStart: false });

async function herdOf(): Promise<SimHerd> {
  const herd = new SimHerd(11);
  await herd.startHead();
  return herd;
}
const engineOf = (herd: SimHerd) => {
  if (!herd.engine) throw new Error('no head');
  return herd.engine;
};
async function durable(herd: SimHerd): Promise<void> {
  const { state } = engineOf(herd);
  const isDurable = (): boolean => state.durableRev >= state.rev;
  if (!(await herd.clock.until(isDurable, herd.clock.nowMs + 10_000))) throw new Error('not durable');
}
/** What is answered only once it is durable, while the clock goes on. */
async function answer<T>(herd: SimHerd, work: Promise<T>): Promise<T> {
  let settled = false;
  const done = work.finally(() => {
    settled = true;
  });
  done.catch(() => undefined);
  await herd.clock.until(() => settled, herd.clock.nowMs + 10_000);
  return await done;
}
const makeUser = (herd: SimHerd, name: string, role: Role = 'user') =>
  engineOf(herd).users.create(ADMIN, userCreate.parse({ name, role }));
const makeProject = (herd: SimHerd, name: string, quotas: Partial<Quotas> = {}, isPrivate = true) =>
  engineOf(herd).projects.create(ADMIN, projectCreate.parse({ name, quotas, private: isPrivate }));
const makeToken = (herd: SimHerd, bearer: Bearer | null, input: object) =>
  engineOf(herd).tokens.create(ADMIN, bearer, tokenCreate.parse(input));
const bearerOf = (herd: SimHerd, token: string): Bearer | null =>
  engineOf(herd).tokens.authenticate(herd.random.digest(token));
const submit = (herd: SimHerd, actor: Actor, gpus = 0) =>
  engineOf(herd).instances.submit(actor, instanceSubmit.parse({ command: script, resources: { gpus } }));
const launch = (herd: SimHerd, actor: Actor, cluster: string, numNodes: number, gpus = 0) => {
  const resources = gpus > 0 ? { choices: [{ accelerators: { name: 'H100', count: gpus } }] } : null;
  const body = { cluster, task: { run: 'true', numNodes, resources } };
  return engineOf(herd).work.clusters.launch(actor, launchBody.parse(body));
};

describe('a token', () => {
  it('opens the head for its user until it expires, is revoked, or the user is disabled; a kill changes none of it', async () => {
    const herd = await herdOf();
    const user = makeUser(herd, 'ana');
    const first = makeToken(herd, null, { user: 'ana', ttlS: 60 });
    const second = makeToken(herd, null, { user: 'ana', ttlS: null });
    await durable(herd);
    herd.killHead();
    await herd.startHead();
    expect(bearerOf(herd, first.token)?.user.name).toBe('ana');
    await herd.clock.until(() => false, herd.clock.nowMs + 61_000);
    expect(bearerOf(herd, first.token)).toBeNull();
    expect(bearerOf(herd, second.token)?.token.id).toBe(second.row.id);
    engineOf(herd).users.change(ADMIN, 'ana', { status: 'DISABLED' });
    expect(bearerOf(herd, second.token)).toBeNull();
    engineOf(herd).users.change(ADMIN, user.id, { status: 'ACTIVE' });
    expect(bearerOf(herd, second.token)).not.toBeNull();
    engineOf(herd).tokens.revoke(ADMIN, null, second.row.id.slice(0, 8));
    expect(bearerOf(herd, second.token)).toBeNull();
    expect(herd.errors).toEqual([]);
  });

  it('that is narrowed makes no others, and nobody gives more than they have', async () => {
    const herd = await herdOf();
    makeUser(herd, 'ana');
    makeUser(herd, 'bo', 'viewer');
    const plain = bearerOf(herd, makeToken(herd, null, { user: 'ana' }).token);
    const narrow = bearerOf(herd, makeToken(herd, plain, { role: 'viewer' }).token);
    expect(codeOf(() => makeToken(herd, narrow, {}))).toBe('FORBIDDEN');
    expect(codeOf(() => makeToken(herd, plain, { user: 'bo' }))).toBe('FORBIDDEN');
    expect(codeOf(() => makeToken(herd, plain, { role: 'admin' }))).toBe('INVALID_REQUEST');
    makeProject(herd, 'lab');
    expect(codeOf(() => makeToken(herd, plain, { project: 'lab' }))).toBe('PROJECT_NOT_FOUND');
  });

  it('makes none that lives longer than itself, but for an admin', async () => {
    const herd = await herdOf();
    makeUser(herd, 'ana');
    makeUser(herd, 'root', 'admin');
    const hour = bearerOf(herd, makeToken(herd, null, { user: 'ana', ttlS: 3600 }).token);
    expect(codeOf(() => makeToken(herd, hour, { ttlS: null }))).toBe('INVALID_REQUEST');
    expect(codeOf(() => makeToken(herd, hour, { ttlS: 3601 }))).toBe('INVALID_REQUEST');
    const { row } = makeToken(herd, hour, {});
    expect((row.expiresMs ?? 0) - row.createdMs).toBe(3_600_000);
    const root = bearerOf(herd, makeToken(herd, null, { user: 'root', ttlS: 60 }).token);
    expect(makeToken(herd, root, { ttlS: null }).row.expiresMs).toBeNull();
  });

  it('is not refused to a user of many that expired long ago, and these go', async () => {
    const herd = await herdOf();
    const { id } = makeUser(herd, 'ann');
    for (let i = 0; i < 1_000; i++) makeToken(herd, null, { user: 'ann', ttlS: 60 });
    expect(codeOf(() => makeToken(herd, null, { user: 'ann' }))).toBe('TOO_MANY_REQUESTS');
    herd.skewHead(31 * 24 * 3_600_000);
    makeToken(herd, null, { user: 'ann' });
    const { tokens } = engineOf(herd).state.tables;
    expect([...tokens.all()].filter((row) => row.owner === `users/${id}`)).toHaveLength(1);
  });

  it('goes with its user, whose name stays on what it made', async () => {
    const herd = await herdOf();
    makeUser(herd, 'ana');
    const { token } = makeToken(herd, null, { user: 'ana' });
    makeProject(herd, 'lab');
    const { projects, users } = engineOf(herd);
    projects.setMember(ADMIN, 'lab', users.get('ana'), 'user');
    users.delete(ADMIN, 'ana');
    expect(bearerOf(herd, token)).toBeNull();
    expect(projects.get('lab').members).toEqual([]);
    expect(codeOf(() => users.get('ana'))).toBe('USER_NOT_FOUND');
  });
});

describe('a project', () => {
  it('lets in its members, each with what it may there and never more than its role; admins always', async () => {
    const herd = await herdOf();
    const [ana, bo, root] = [
      makeUser(herd, 'ana'),
      makeUser(herd, 'bo', 'viewer'),
      makeUser(herd, 'root', 'admin'),
    ];
    makeProject(herd, 'lab');
    const { projects } = engineOf(herd);
    expect(codeOf(() => projects.enter(ana, 'lab'))).toBe('PROJECT_NOT_FOUND');
    projects.setMember(ADMIN, 'lab', ana, 'viewer');
    projects.setMember(ADMIN, 'lab', bo, 'admin');
    expect([projects.enter(ana, 'lab'), projects.enter(bo, 'lab'), projects.enter(root, 'lab')]).toEqual([
      'viewer',
      'viewer',
      'admin',
    ]);
    expect(projects.of(ana).map(({ row }) => row.name)).toEqual(['default', 'lab']);
  });

  it('keeps names, lists and clusters of others apart', async () => {
    const herd = await herdOf();
    makeProject(herd, 'lab');
    makeProject(herd, 'shop');
    const { work } = engineOf(herd);
    const { reads } = engineOf(herd);
    launch(herd, inProject('lab'), 'train', 1);
    launch(herd, inProject('shop'), 'train', 1);
    const mine = submit(herd, inProject('lab'));
    expect(codeOf(() => work.clusters.get(inProject('default'), 'train'))).toBe('CLUSTER_NOT_FOUND');
    expect(work.clusters.get(inProject('lab'), 'train').id).not.toBe(
      work.clusters.get(inProject('shop'), 'train').id,
    );
    await expect(answer(herd, reads.resolve(inProject('shop'), mine.id))).rejects.toMatchObject({
      code: 'INSTANCE_NOT_FOUND',
    });
  });

  it('is deleted when nothing is left to end in it, and its name is not given again', async () => {
    const herd = await herdOf();
    makeProject(herd, 'lab');
    const { projects, instances } = engineOf(herd);
    const row = submit(herd, inProject('lab'));
    expect(codeOf(() => projects.delete(ADMIN, 'lab'))).toBe('PROJECT_NOT_EMPTY');
    instances.cancel(inProject('lab'), row.id);
    projects.delete(ADMIN, 'lab');
    expect(codeOf(() => projects.get('lab'))).toBe('PROJECT_NOT_FOUND');
    expect(codeOf(() => makeProject(herd, 'lab'))).toBe('PROJECT_EXISTS');
    expect(codeOf(() => projects.delete(ADMIN, 'default'))).toBe('INVALID_REQUEST');
  });
});

describe('a quota', () => {
  it('of instances and GPUs counts what has not ended, nodes of clusters too, and frees with the end', async () => {
    const herd = await herdOf();
    makeProject(herd, 'lab', { instances: 3, gpus: 4 });
    const lab = inProject('lab');
    const first = submit(herd, lab, 2);
    launch(herd, lab, 'train', 2, 1);
    expect(codeOf(() => submit(herd, lab))).toBe('QUOTA_EXCEEDED');
    engineOf(herd).instances.cancel(lab, first.id);
    expect(codeOf(() => submit(herd, lab, 3))).toBe('QUOTA_EXCEEDED');
    submit(herd, lab, 2);
    expect(codeOf(() => launch(herd, lab, 'more', 1))).toBe('QUOTA_EXCEEDED');
    expect(engineOf(herd).work.clusters.find(lab, 'more')).toBeUndefined();
    submit(herd, inProject('default'), 8);
  });

  it('counts the same after a head was killed, and a stopped cluster not until it starts', async () => {
    const herd = await herdOf();
    for (const cpu of [4, 4]) await herd.addWorker(cpu);
    const areOnline = (): boolean =>
      [...engineOf(herd).state.tables.workers.all()].every((row) => row.status === 'ONLINE');
    expect(await herd.clock.until(areOnline, herd.clock.nowMs + 10_000)).toBe(true);
    makeProject(herd, 'lab', { instances: 2 });
    const lab = inProject('lab');
    launch(herd, lab, 'train', 2);
    await durable(herd);
    herd.killHead();
    await herd.startHead();
    expect(codeOf(() => submit(herd, lab))).toBe('QUOTA_EXCEEDED');
    engineOf(herd).work.clusters.down(lab, 'train', { purge: false });
    const { clusters } = engineOf(herd).work;
    const isGone = (): boolean => clusters.find(lab, 'train') === undefined;
    expect(await herd.clock.until(isGone, herd.clock.nowMs + 10_000)).toBe(true);
    submit(herd, lab);
    expect(codeOf(() => launch(herd, lab, 'again', 2))).toBe('QUOTA_EXCEEDED');
  });

  it('judges a stopped cluster that is launched again by the nodes that come back, not by what the task asks for', async () => {
    const herd = await herdOf();
    for (const cpu of [4, 4]) await herd.addWorker(cpu);
    const reach = async (holds: () => boolean): Promise<void> =>
      expect(await herd.clock.until(holds, herd.clock.nowMs + 60_000)).toBe(true);
    await reach(() => [...engineOf(herd).state.tables.workers.all()].every((row) => row.status === 'ONLINE'));
    makeProject(herd, 'lab', { instances: 2 });
    const lab = inProject('lab');
    const { clusters } = engineOf(herd).work;
    const status = () => clusters.find(lab, 'train')?.status;
    launch(herd, lab, 'train', 2);
    await reach(() => status() === 'UP');
    clusters.stop(lab, 'train', { purge: false });
    await reach(() => status() === 'STOPPED');
    const other = submit(herd, lab);
    expect(codeOf(() => launch(herd, lab, 'train', 1))).toBe('QUOTA_EXCEEDED');
    expect(status()).toBe('STOPPED');
    engineOf(herd).instances.cancel(lab, other.id);
    launch(herd, lab, 'train', 1);
    await reach(() => status() === 'UP');
  });

  it('of requests refuses a launch before anything is written', async () => {
    const herd = await herdOf();
    makeProject(herd, 'lab', { requests: 1 });
    launch(herd, inProject('lab'), 'one', 1);
    expect(codeOf(() => launch(herd, inProject('lab'), 'two', 1))).toBe('QUOTA_EXCEEDED');
  });

  it('of logs counts what is archived, also what was archived before it was set, and frees with the record', async () => {
    const herd = await herdOf();
    await herd.addWorker(4);
    makeProject(herd, 'lab');
    const lab = inProject('lab');
    const short = JSON.stringify({ runMs: 50, code: 0, ignoresTerm: false, failsToStart: false });
    const row = engineOf(herd).instances.submit(lab, instanceSubmit.parse({ command: short }));
    const now = () => engineOf(herd).state.tables.instances.get(row.id);
    expect(await herd.clock.until(() => now()?.log?.archived === true, herd.clock.nowMs + 60_000)).toBe(true);
    await durable(herd);
    const { projects } = engineOf(herd);
    projects.change(ADMIN, 'lab', { quotas: { logMiB: 0 } });
    const counted = (): boolean => projects.view(projects.get('lab'), 'admin').usage.logMiB !== null;
    expect(await herd.clock.until(counted, herd.clock.nowMs + 10_000)).toBe(true);
    expect(codeOf(() => submit(herd, lab))).toBe('QUOTA_EXCEEDED');
    projects.change(ADMIN, 'lab', { quotas: { logMiB: 1 } });
    submit(herd, lab);
  });
});

describe('what a quota does not do', () => {
  it('count a cluster that could get no nodes, or let it be launched again with more than is left', async () => {
    const herd = await herdOf();
    makeProject(herd, 'lab', { instances: 2 });
    const lab = inProject('lab');
    launch(herd, lab, 'train', 1);
    const hasFailed = (): boolean =>
      [...engineOf(herd).state.tables.clusters.all()].some((row) => row.failure !== null);
    expect(await herd.clock.until(hasFailed, herd.clock.nowMs + 60_000)).toBe(true);
    const { projects } = engineOf(herd);
    expect(projects.view(projects.get('lab'), 'admin').usage.instances).toBe(0);
    expect(codeOf(() => launch(herd, lab, 'train', 50))).toBe('QUOTA_EXCEEDED');
  });

  it('hold up what ends things', async () => {
    const herd = await herdOf();
    for (const cpu of [4, 4]) await herd.addWorker(cpu);
    const areOnline = (): boolean =>
      [...engineOf(herd).state.tables.workers.all()].every((row) => row.status === 'ONLINE');
    expect(await herd.clock.until(areOnline, herd.clock.nowMs + 10_000)).toBe(true);
    makeProject(herd, 'lab', { requests: 1 });
    const lab = inProject('lab');
    launch(herd, lab, 'train', 2);
    expect(codeOf(() => launch(herd, lab, 'other', 1))).toBe('QUOTA_EXCEEDED');
    expect(codeOf(() => engineOf(herd).work.clusters.down(lab, 'train', { purge: false }))).toBeNull();
  });

  it('belong to a project that was deleted meanwhile', async () => {
    const herd = await herdOf();
    makeProject(herd, 'lab');
    engineOf(herd).projects.delete(ADMIN, 'lab');
    expect(codeOf(() => submit(herd, inProject('lab')))).toBe('PROJECT_NOT_FOUND');
    expect(codeOf(() => launch(herd, inProject('lab'), 'train', 1))).toBe('PROJECT_NOT_FOUND');
  });
});

describe('the audit', () => {
  it('tells who did what where, of people only, and each denial once a minute with how often', async () => {
    const herd = await herdOf();
    const { audit } = engineOf(herd);
    const ana: Actor = { ...inProject('default'), name: 'ana', source: '10.0.0.7', requestId: 'r-1' };
    const row = submit(herd, ana);
    for (let at = 0; at < 50; at += 1)
      audit.deny(ana, { code: 'FORBIDDEN', message: 'no', method: 'DELETE', route: '/v1/users/:ref' });
    await herd.clock.until(() => false, herd.clock.nowMs + 61_000);
    await durable(herd);
    const { items } = await answer(herd, audit.list({ limit: 100, actor: 'ana' }));
    expect(items.map(({ result, type, source }) => [result, type, source])).toEqual([
      ['denied', 'deny', '10.0.0.7'],
      ['denied', 'deny', '10.0.0.7'],
      ['done', 'submit', '10.0.0.7'],
    ]);
    expect(items[0]?.reason?.message).toContain('49 more times');
    expect(items[2]).toMatchObject({ id: row.id, actor: 'ana', cause: 'r-1', project: 'default' });
    const { items: denied } = await answer(herd, audit.list({ limit: 100, result: 'denied' }));
    expect(denied).toHaveLength(2);
  });
});
