import { DroverError, isDroverError } from '@drover/core';
import { afterEach, describe, expect, expectTypeOf, it, vi } from 'vitest';
import { Client } from '../../client.ts';
import { launchTask } from '../../task/launch.ts';
import { Task } from '../../task/task.ts';
import { closedPort, ID, type StubHead, sendError, sendJson, stubHead } from '../../testing/stub-head.ts';
import { toSeedError } from './errors.ts';
import * as sky from './index.ts';

afterEach(() => vi.unstubAllEnvs());

const STAMP = '2026-01-01T00:00:00.000Z';
const request = (part: object) => ({
  id: ID,
  name: 'stop',
  status: 'SUCCEEDED',
  reason: null,
  cluster: null,
  jobId: null,
  user: { id: 'admin', name: 'admin' },
  project: 'default',
  createdAt: STAMP,
  startedAt: STAMP,
  finishedAt: STAMP,
  result: null,
  error: null,
  rev: 1,
  ...part,
});

/** The view speaks with this head. */
async function connect(answer: Parameters<typeof stubHead>[0]): Promise<StubHead> {
  const head = await stubHead(answer);
  vi.stubEnv('DROVER_HEAD', head.url);
  vi.stubEnv('DROVER_TOKEN', 'token');
  return head;
}

describe('what a call gives', () => {
  it('is the id of a request, but for the calls that do their work at once', () => {
    type Given<Call extends (...args: never[]) => Promise<unknown>> = Awaited<ReturnType<Call>>;
    expectTypeOf<Given<typeof sky.launch>>().toEqualTypeOf<sky.RequestId<sky.Launched>>();
    expectTypeOf<Given<typeof sky.exec>>().toEqualTypeOf<sky.RequestId<sky.Launched>>();
    expectTypeOf<Given<typeof sky.stop>>().toEqualTypeOf<sky.RequestId<null>>();
    expectTypeOf<Given<typeof sky.start>>().toEqualTypeOf<sky.RequestId<null>>();
    expectTypeOf<Given<typeof sky.down>>().toEqualTypeOf<sky.RequestId<null>>();
    expectTypeOf<Given<typeof sky.autostop>>().toEqualTypeOf<sky.RequestId<null>>();
    expectTypeOf<Given<typeof sky.cancel>>().toEqualTypeOf<sky.RequestId<null>>();
    expectTypeOf<Given<typeof sky.status>>().toEqualTypeOf<sky.RequestId<sky.ClusterRecord[]>>();
    expectTypeOf<Given<typeof sky.queue>>().toEqualTypeOf<sky.RequestId<sky.JobRecord[]>>();
    expectTypeOf<Given<typeof sky.apiCancel>>().toEqualTypeOf<sky.RequestId<string[]>>();
    expectTypeOf<Given<typeof sky.tailLogs>>().toEqualTypeOf<sky.JobExitCode>();
    expectTypeOf<Given<typeof sky.downloadLogs>>().toEqualTypeOf<Record<string, string>>();
    expectTypeOf<Given<typeof sky.apiStatus>>().toEqualTypeOf<sky.RequestRecord[]>();
    expectTypeOf<Given<typeof sky.apiInfo>>().toEqualTypeOf<sky.ApiInfo>();
    expectTypeOf<Given<typeof sky.apiStart>>().toEqualTypeOf<void>();
  });

  it('comes out of get with its type; of a plain id nothing is known', () => {
    const known = {} as sky.RequestId<sky.Launched>;
    expectTypeOf(sky.get<sky.Launched>).returns.resolves.toEqualTypeOf<sky.Launched>();
    const of = () => [sky.get(known), sky.streamAndGet(known), sky.get(ID), sky.streamAndGet()] as const;
    expectTypeOf<ReturnType<typeof of>[0]>().resolves.toEqualTypeOf<sky.Launched>();
    expectTypeOf<ReturnType<typeof of>[1]>().resolves.toEqualTypeOf<sky.Launched>();
    expectTypeOf<ReturnType<typeof of>[2]>().resolves.toEqualTypeOf<unknown>();
    expectTypeOf<ReturnType<typeof of>[3]>().resolves.toEqualTypeOf<unknown>();
  });
});

describe('a call', () => {
  it('that the head refuses is kept as a request that has failed', async () => {
    await using head = await connect(({ path }, response) => {
      if (path === '/v1/requests') sendJson(response, 201, request({}));
      else sendError(response, 404, 'CLUSTER_NOT_FOUND', "cluster 'c' does not exist", { ref: 'c' });
    });
    expect(await sky.stop('c')).toBe(ID);
    expect(JSON.parse(head.seen.at(-1)?.body ?? '')).toEqual({
      name: 'stop',
      cluster: 'c',
      error: { code: 'CLUSTER_NOT_FOUND', message: "cluster 'c' does not exist", details: { ref: 'c' } },
    });
  });

  it('tells the head all that it was told', async () => {
    await using head = await connect(({ method }, response) => {
      if (method === 'GET') sendJson(response, 200, { items: [{ name: 'c', status: 'UP' }] });
      else sendJson(response, 202, request({}));
    });
    const told = (): unknown => JSON.parse(head.seen.findLast(({ method }) => method !== 'GET')?.body ?? '');
    await sky.launch(new sky.Task('t', { run: 'true' }), {
      clusterName: 'c',
      retryUntilUp: true,
      idleMinutesToAutostop: 7,
      dryrun: true,
      down: true,
      optimizeTarget: sky.OptimizeTarget.TIME,
      noSetup: true,
      fast: true,
    });
    expect(told()).toMatchObject({
      cluster: 'c',
      task: { name: 't', run: 'true' },
      retryUntilUp: true,
      autostop: { idleMinutes: 7, down: true },
      dryrun: true,
      down: true,
      optimize: 'time',
      noSetup: true,
      fast: true,
    });
    await sky.exec(new sky.Task('t', { run: 'true' }), { clusterName: 'c', dryrun: true, down: true });
    expect(told()).toMatchObject({ dryrun: true, down: true });
    await sky.stop('c', { purge: true });
    expect(told()).toEqual({ purge: true });
    await sky.down('c', { purge: true });
    expect(told()).toEqual({ purge: true });
    await sky.start('c', { idleMinutesToAutostop: 3, retryUntilUp: true, down: true, force: true });
    expect(told()).toEqual({ autostop: { idleMinutes: 3, down: true }, retryUntilUp: true, force: true });
    await sky.status({ clusterNames: ['c', 'd'], refresh: 'AUTO', allUsers: true });
    expect(head.seen.at(-2)?.query.toString()).toBe('name=c&name=d&refresh=auto&allUsers=true');
    await sky.queue('c', { skipFinished: true, allUsers: true });
    expect(head.seen.at(-2)?.query.toString()).toBe('skipFinished=true&allUsers=true');
  });

  it('throws at once when no request can be made', async () => {
    await using _head = await connect((_, response) => sendError(response, 401, 'UNAUTHENTICATED'));
    await expect(sky.stop('c')).rejects.toBeInstanceOf(sky.CloudUserIdentityError);
    await expect(sky.status()).rejects.toBeInstanceOf(sky.CloudUserIdentityError);
    vi.stubEnv('DROVER_HEAD', `http://127.0.0.1:${await closedPort()}`);
    await expect(sky.apiLogin({ endpoint: process.env.DROVER_HEAD })).rejects.toBeInstanceOf(
      sky.ApiServerConnectionError,
    );
  });

  it('says who calls, where that is known', async () => {
    await using head = await connect((_, response) =>
      sendJson(response, 200, { items: [], nextCursor: null }),
    );
    await sky.apiStatus();
    vi.stubEnv('DROVER_USER', 'bob');
    await sky.apiStatus();
    expect(head.seen.map(({ headers }) => headers['drover-user'])).toEqual([undefined, 'bob']);
    expect(() => new Client({ url: head.url, user: 'b ob' })).toThrow(/^user: /);
  });
});

describe('an answer', () => {
  it('of a client with other records is passed on as it is', async () => {
    await using _head = await connect((_, response) =>
      sendJson(response, 200, request({ name: 'status', result: [{ theirs: 1 }] })),
    );
    expect(await sky.get(ID)).toEqual([{ theirs: 1 }]);
  });

  it('names a cluster that is gone', async () => {
    await using _head = await connect(({ path }, response) => {
      if (path.startsWith('/v1/clusters')) sendError(response, 404, 'CLUSTER_NOT_FOUND');
      else sendJson(response, 200, request({ name: 'launch', result: { jobId: 3, cluster: 'c' } }));
    });
    expect(await sky.get(ID)).toEqual([3, expect.objectContaining({ clusterName: 'c', nodes: [] })]);
  });
});

describe('a launch in two steps', () => {
  const answer: Parameters<typeof stubHead>[0] = ({ method, path }, response) => {
    if (path.startsWith('/v1/requests/'))
      sendJson(response, 200, request({ name: 'launch', result: { jobId: null, cluster: 'c' } }));
    else if (method === 'GET')
      sendJson(response, 200, {
        nodes: [
          { rank: 1, address: 'b' },
          { rank: 0, address: 'a' },
        ],
      });
    else sendJson(response, 202, request({ id: path.endsWith('exec') ? `${ID}-exec` : ID }));
  };
  const task = (): Task => new Task({ numNodes: 2, run: (rank, at) => (rank === 0 ? null : at.join()) });
  const sent = (head: StubHead): string[] =>
    head.seen.filter(({ method }) => method !== 'GET').map(({ path, body }) => `${path} ${body}`);

  it('runs what the function says of each rank, and is torn down only then', async () => {
    await using head = await stubHead(answer);
    const client = new Client({ url: head.url });
    const future = await launchTask(client, task(), { cluster: 'c', down: true });
    expect(future.id).toBe(`${ID}-exec`);
    const [launch, exec, autostop] = sent(head);
    expect(JSON.parse(launch?.split(' ')[1] ?? '')).toMatchObject({
      task: { run: null, numNodes: 2 },
      autostop: { idleMinutes: 1, down: true },
    });
    expect(JSON.parse(exec?.split(' ')[1] ?? '').task.run).toEqual([null, 'a,b']);
    expect(autostop).toBe(
      '/v1/clusters/c/autostop {"autostop":{"waitFor":"jobs","idleMinutes":0,"down":true}}',
    );
  });

  it('is its first step when that fails, and one step when it is a dry run', async () => {
    await using head = await stubHead((seen, response, count) => {
      if (!seen.path.startsWith('/v1/requests/')) return answer(seen, response, count);
      const error = { code: 'NO_INFRA', message: 'none', details: {} };
      sendJson(response, 200, request({ status: 'FAILED', error }));
    });
    const client = new Client({ url: head.url });
    const future = await launchTask(client, task(), { cluster: 'c' });
    expect(future.id).toBe(ID);
    await expect(future.get()).rejects.toMatchObject({ code: 'NO_INFRA' });
    await launchTask(client, task(), { dryrun: true });
    expect(sent(head)).toHaveLength(2);
  });
});

describe('errors', () => {
  it('are known by their code, across copies of the package and above each other', async () => {
    vi.resetModules();
    const copy = await import('./errors.ts');
    const error = copy.toSeedError(new DroverError('CLUSTER_NOT_FOUND', { ref: 'c' }));
    expect(copy.ClusterDoesNotExist).not.toBe(sky.ClusterDoesNotExist);
    expect(error).toBeInstanceOf(sky.ClusterDoesNotExist);
    expect(error).toBeInstanceOf(sky.ValueError);
    expect(isDroverError(error)).toBe(true);
    expect(error instanceof sky.RuntimeError).toBe(false);
    expect(error instanceof sky.ClusterNotUpError).toBe(false);
    expect(new Error('x') instanceof sky.SkyError).toBe(false);
    class Mine extends sky.ValueError {}
    expect(error instanceof Mine).toBe(false);
    expect(new Mine(error as DroverError)).toBeInstanceOf(Mine);
  });

  it('carry what the seed says of them', () => {
    const history = [{ code: 'OUT_OF_STOCK', message: 'full' }];
    const of = (code: ConstructorParameters<typeof DroverError>[0], details: object) =>
      toSeedError(new DroverError(code, { ...details }, { requestId: 'r' }));
    expect(of('RESOURCES_UNAVAILABLE', { failoverHistory: history, noFailover: true })).toMatchObject({
      failoverHistory: history,
      noFailover: true,
      requestId: 'r',
    });
    expect(of('RESOURCES_UNAVAILABLE', {})).toMatchObject({ failoverHistory: [], noFailover: false });
    expect(of('CLUSTER_NOT_UP', { status: 'STOPPED' })).toMatchObject({ clusterStatus: 'STOPPED' });
    expect(of('CLUSTER_NOT_UP', {})).toMatchObject({ clusterStatus: null });
    expect(of('COMMAND_FAILED', { what: 'setup', exitCode: 9, rule: 'no disk' })).toMatchObject({
      name: 'CommandError',
      returncode: 9,
      command: 'setup',
      errorMsg: 'setup failed with exit code 9: no disk',
      detailedReason: 'no disk',
    });
    expect(of('INTERNAL', {})).toBeInstanceOf(sky.RuntimeError);
    expect(toSeedError('not ours')).toBe('not ours');
  });
});

describe('resources', () => {
  it('are copied as their own kind, and refuse what is internal to another client', () => {
    const copy = new sky.Resources({ cpus: 2 }).copy({ memory: '4+' });
    expect(copy).toBeInstanceOf(sky.Resources);
    expect([copy.cpus, copy.memory, copy.isLaunchable]).toEqual([2, '4+', false]);
    expect(() => copy.copy({ _isImageManaged: true })).toThrow(sky.NotSupportedError);
  });
});
