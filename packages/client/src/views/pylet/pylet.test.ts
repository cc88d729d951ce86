import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { closedPort, ID, instanceView, sendError, sendJson, stubHead } from '../../testing/stub-head.ts';
import * as pylet from './index.ts';

beforeEach(() => {
  for (const name of ['DROVER_HEAD', 'DROVER_TOKEN', 'DROVER_STATE']) vi.stubEnv(name, '');
  for (const name of ['XDG_CONFIG_HOME', 'XDG_STATE_HOME']) vi.stubEnv(name, '/nowhere');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await pylet.shutdown();
});

describe('init', () => {
  it('connects, says so, and is undone by shutdown', async () => {
    await using head = await stubHead((_, response) => sendJson(response, 200, { rev: 1 }));
    expect(pylet.isInitialized()).toBe(false);
    await pylet.init(head.url, { token: 'T' });
    expect(pylet.isInitialized()).toBe(true);
    expect(head.seen[0]?.headers.authorization).toBe('Bearer T');
    await pylet.shutdown();
    expect(pylet.isInitialized()).toBe(false);
    vi.stubEnv('DROVER_HEAD', head.url);
    await pylet.init();
    expect(pylet.isInitialized()).toBe(true);
  });

  it('throws ConnectionError in less than 2 s and stays uninitialised', async () => {
    await using refusing = await stubHead((_, response) => sendError(response, 401, 'UNAUTHENTICATED'));
    for (const address of [`http://127.0.0.1:${await closedPort()}`, refusing.url]) {
      const startedAt = performance.now();
      await expect(pylet.init(address)).rejects.toBeInstanceOf(pylet.ConnectionError);
      expect(performance.now() - startedAt).toBeLessThan(2000);
      expect(pylet.isInitialized()).toBe(false);
    }
  });

  it('comes before every other call', async () => {
    const calls = [
      () => pylet.submit('x'),
      () => pylet.get('x'),
      () => pylet.instances(),
      () => pylet.workers(),
      () => pylet.delete('x'),
      () => pylet.deleteAll(),
      () => pylet.deleteWorker('x'),
      () => pylet.deleteAllOfflineWorkers(),
    ];
    for (const call of calls) await expect(call()).rejects.toBeInstanceOf(pylet.NotInitializedError);
  });
});

/** A head that has one instance, and whatever else a test answers. */
async function connect(answer: Parameters<typeof stubHead>[0]) {
  const head = await stubHead(async (seen, response, count) => {
    if (seen.path === '/v1/head') sendJson(response, 200, { rev: 1 });
    else await answer(seen, response, count);
  });
  await pylet.init(head.url);
  return head;
}

describe('submit', () => {
  it('sends the defaults of the seed, and a list as a list', async () => {
    await using head = await connect((_, response) => sendJson(response, 201, instanceView()));
    await pylet.submit('echo hello');
    await pylet.submit(['echo', '$HOME', "it's"], { gpu: 1, memory: 4096, name: 'web', exclusive: false });
    const [first, second] = head.seen.slice(1).map(({ body }) => JSON.parse(body));
    expect(first).toEqual({
      command: 'echo hello',
      name: null,
      resources: { gpus: 0, cpu: 1, memoryMiB: 512 },
      targetWorker: null,
      gpuIndices: null,
      exclusive: true,
      labels: {},
      env: {},
      venv: null,
    });
    expect(second).toMatchObject({
      command: ['echo', '$HOME', "it's"],
      name: 'web',
      resources: { gpus: 1, cpu: 1, memoryMiB: 4096 },
      exclusive: false,
    });
  });

  it.each([
    [400, 'INVALID_REQUEST', { field: 'resources.memoryMiB', rule: 'not negative' }, 'memory'],
    [400, 'INVALID_REQUEST', { field: 'labels.team', rule: 'too long' }, 'labels'],
    [409, 'NAME_TAKEN', {}, 'name'],
    [404, 'WORKER_NOT_FOUND', {}, 'targetWorker'],
    [409, 'TARGET_WORKER_NOT_ONLINE', {}, 'targetWorker'],
  ])('turns %i %s %j into a ValueError for %s', async (status, code, details, field) => {
    await using _head = await connect((_, response) => sendError(response, status, code, code, details));
    const error = await pylet.submit('x').catch((e) => e);
    expect(error).toBeInstanceOf(pylet.ValueError);
    expect(error.field).toBe(field);
  });
});

describe('get', () => {
  it('finds by name or id and takes nothing else for it', async () => {
    await using _head = await connect((_, response) =>
      sendJson(response, 200, instanceView({ name: 'web' })),
    );
    expect((await pylet.get('web')).id).toBe(ID);
    expect((await pylet.get({ id: ID })).name).toBe('web');
    await expect(pylet.get(ID.slice(0, 8))).rejects.toBeInstanceOf(pylet.NotFoundError);
    await expect(pylet.get({ id: ID.slice(0, 8) })).rejects.toBeInstanceOf(pylet.NotFoundError);
    await expect(pylet.get({})).rejects.toBeInstanceOf(pylet.ValueError);
    await expect(pylet.delete('')).rejects.toBeInstanceOf(pylet.ValueError);
  });

  it('throws NotFoundError', async () => {
    await using _head = await connect((_, response) => sendError(response, 404, 'INSTANCE_NOT_FOUND'));
    await expect(pylet.get('web')).rejects.toBeInstanceOf(pylet.NotFoundError);
    await expect(pylet.delete({ id: ID })).rejects.toBeInstanceOf(pylet.NotFoundError);
  });
});

describe('Instance', () => {
  it('shows its state, stale until it is fetched again', async () => {
    let view = instanceView({ name: 'vllm', endpoint: '10.0.0.1:15600', labels: { a: '1' } });
    await using _head = await connect((_, response) => sendJson(response, 200, view));
    const instance = await pylet.get('vllm');
    const text = `Instance(id='${ID}', name='vllm', status='RUNNING', endpoint='10.0.0.1:15600')`;
    expect(String(instance)).toBe(text);
    expect(inspect(instance)).toBe(text);
    view = instanceView({ status: 'UNKNOWN', endpoint: '10.0.0.1:15600' });
    await instance.refresh();
    expect([instance.status, instance.endpoint]).toEqual(['UNKNOWN', null]);
    view = instanceView({ status: 'COMPLETED', exitCode: 0 });
    expect(instance.status).toBe('UNKNOWN');
    await instance.refresh();
    expect([instance.status, instance.exitCode, instance.endpoint, instance.name]).toEqual([
      'COMPLETED',
      0,
      null,
      null,
    ]);
    await instance.waitRunning();
    await instance.wait();
  });

  it('throws what the seed says', async () => {
    let status: 'RUNNING' | 'FAILED' = 'RUNNING';
    await using _head = await connect(({ method }, response) => {
      if (method === 'POST') sendError(response, 409, 'ALREADY_FINAL');
      else sendJson(response, 200, instanceView({ name: 'a', status }));
    });
    const instance = await pylet.get('a');
    await expect(instance.wait(0.05)).rejects.toBeInstanceOf(pylet.TimeoutError);
    await expect(instance.wait(-1)).rejects.toBeInstanceOf(pylet.ValueError);
    await expect(instance.logs(-1)).rejects.toBeInstanceOf(pylet.ValueError);
    await expect(instance.cancel()).rejects.toBeInstanceOf(pylet.InstanceTerminatedError);
    status = 'FAILED';
    const error = await instance.waitRunning().catch((e) => e);
    expect(error).toBeInstanceOf(pylet.InstanceFailedError);
    expect(error.instance).toBe(instance);
    expect(instance.status).toBe('FAILED');
  });

  it('cancels, and with true deletes after it', async () => {
    await using head = await connect((_, response) => sendJson(response, 200, instanceView({ name: 'a' })));
    const instance = await pylet.get('a');
    await instance.cancel();
    await instance.cancel(true);
    expect(head.seen.slice(2).map(({ method }) => method)).toEqual(['POST', 'POST', 'DELETE']);
  });

  it('has an empty log before it starts', async () => {
    await using _head = await connect(({ path }, response) => {
      if (path.endsWith('/logs')) sendError(response, 404, 'LOG_NOT_FOUND');
      else sendJson(response, 200, instanceView({ name: 'a' }));
    });
    expect(await (await pylet.get('a')).logs()).toBe('');
  });
});

describe('lists', () => {
  it('filter by status and labels, and refuse a status that is none', async () => {
    await using head = await connect(({ method }, response) => {
      if (method === 'DELETE') sendJson(response, 200, { deleted: 2 });
      else sendJson(response, 200, { items: [instanceView()], nextCursor: null });
    });
    expect((await pylet.instances({ status: 'RUNNING', labels: { type: 'x' } })).map(String)).toHaveLength(1);
    expect(head.seen[1]?.query.toString()).toContain('status=RUNNING&label=type%3Dx');
    expect(await pylet.deleteAll({ status: 'FAILED' })).toBe(2);
    expect(await pylet.deleteAllOfflineWorkers()).toBe(2);
    await expect(pylet.deleteAll({ status: 'DONE' })).rejects.toBeInstanceOf(pylet.ValueError);
  });

  it('name a worker that is not OFFLINE', async () => {
    await using _head = await connect((_, response) => sendError(response, 409, 'WORKER_NOT_OFFLINE'));
    await expect(pylet.deleteWorker(ID)).rejects.toBeInstanceOf(pylet.ValueError);
  });
});

describe('errors', () => {
  it('are known across copies of the package', async () => {
    vi.resetModules();
    const copy = await import('./errors.ts');
    expect(copy.NotFoundError).not.toBe(pylet.NotFoundError);
    const error = new copy.NotFoundError('x');
    expect(error).toBeInstanceOf(pylet.NotFoundError);
    expect(error).toBeInstanceOf(pylet.PyletError);
    expect(error instanceof pylet.TimeoutError).toBe(false);
    class Mine extends pylet.PyletError {}
    expect(error instanceof Mine).toBe(false);
    expect(new Mine('y')).toBeInstanceOf(pylet.PyletError);
    expect(new Mine('y')).toBeInstanceOf(Mine);
  });
});
