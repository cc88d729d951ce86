/** The SkyPilot adapter at the edge of a real head: who is let in, in what shape it answers, and what it leaves alone. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestHead, type TestHead } from '../testing/test-head.ts';

const NEW = { 'x-skypilot-api-version': '62', 'x-skypilot-version': '0.14.1' };
let head: TestHead;
beforeAll(async () => {
  head = await startTestHead();
});
afterAll(() => head.close());

/** Submits, and fetches what the request came to. */
async function result(path: string, body: unknown, headers: Record<string, string> = NEW) {
  const reply = await head.call('POST', path, body, headers);
  expect(reply.text).toBe('null');
  const id = reply.headers.get('x-skypilot-request-id');
  const got = await head.call('GET', `/api/get?request_id=${id}`, undefined, headers);
  return got.status === 200 ? got.json : got.json.detail;
}

it('a call that reads leaves nothing in the store', async () => {
  const before = (await head.call('GET', '/v1/head')).json.rev;
  expect(await result('/status', {})).toMatchObject({
    name: 'sky.status',
    status: 'SUCCEEDED',
    return_value: '[]',
  });
  // Nobody has been refused yet: that would be written down.
  expect((await head.call('GET', '/v1/head')).json.rev).toBe(before);
});

describe('the handshake', () => {
  it('tells each client its number, at both mounts', async () => {
    for (const prefix of ['', '/compat/skypilot']) {
      const reply = await head.call('GET', `${prefix}/api/health`, undefined, NEW);
      expect(reply.headers.get('x-skypilot-api-version')).toBe('62');
      expect(reply.json).toMatchObject({ status: 'healthy', api_version: '62' });
      expect((await head.call('GET', `${prefix}/api/health`)).json).toMatchObject({ api_version: '5' });
    }
  });

  it('asks for a token, which may have sky_ in front', async () => {
    const none = await head.call('GET', '/api/health', undefined, { authorization: '' });
    expect(none.status).toBe(401);
    expect(none.json).toEqual({ detail: expect.any(String) as string });
    const bearer = { authorization: `Bearer sky_${head.token}` };
    expect((await head.call('GET', '/api/health', undefined, bearer)).status).toBe(200);
    const user = { authorization: `Basic ${Buffer.from(`me:${head.token}`).toString('base64')}` };
    expect((await head.call('GET', '/api/health', undefined, user)).status).toBe(200);
  });

  it('refuses a protocol that is neither of the two', async () => {
    const reply = await head.call('GET', '/api/health', undefined, { 'x-skypilot-api-version': '12' });
    expect(reply.status).toBe(400);
    expect(reply.json).toMatchObject({ error: 'version_mismatch' });
  });
});

describe('a call', () => {
  it('that fails is a request with its error, which names its caller', async () => {
    const env_vars = { SKYPILOT_USER_ID: '0badcafe', SKYPILOT_USER: 'somebody' };
    const payload = await result('/down', { cluster_name: 'none', env_vars });
    expect(payload).toMatchObject({ status: 'FAILED', user_id: '0badcafe', user_name: 'somebody' });
    expect(JSON.parse(payload.error)).toMatchObject({ type: 'ClusterDoesNotExist' });
    const { items } = (await head.call('GET', '/v1/requests?all=true')).json;
    expect(items[0]).toMatchObject({ id: payload.request_id, name: 'down', user: { id: '0badcafe' } });
  });

  it('with an identity that could be a path is that of the bearer', async () => {
    const payload = await result('/status', { env_vars: { SKYPILOT_USER_ID: '../../x' } });
    expect(payload).toMatchObject({ user_id: 'admin' });
  });

  it('names clusters by patterns, and one that is made to take long takes none of the time of others', async () => {
    const name = `a${'b'.repeat(39)}`;
    const launch = { cluster: name, retryUntilUp: true, task: { run: 'true' } };
    expect((await head.call('POST', '/v1/clusters/launch', launch)).status).toBe(202);
    const named = async (...cluster_names: string[]): Promise<string[]> =>
      JSON.parse((await result('/status', { cluster_names })).return_value).map(
        (record: { name: string }) => record.name,
      );
    expect(await named('a*b', 'x?[y]')).toEqual([name]);
    expect(await named(`${'?*'.repeat(24)}!`)).toEqual([]);
    const many = await result('/status', { cluster_names: Array.from({ length: 101 }, (_, at) => `*${at}`) });
    expect(JSON.parse(many.error)).toMatchObject({ type: 'ValueError' });
  });

  it('of what is not built yet is refused, and its lists are empty', async () => {
    for (const path of ['/jobs/launch', '/serve/up', '/volumes/apply', '/storage/delete', '/local_up'])
      expect(JSON.parse((await result(path, {})).error)).toMatchObject({ type: 'NotSupportedError' });
    for (const path of ['/jobs/queue', '/serve/status', '/jobs/pool_status'])
      expect(await result(path, {})).toMatchObject({ status: 'SUCCEEDED', return_value: '[]' });
  });

  it('to a path that is not there is told in the shape of who asks', async () => {
    expect((await head.call('GET', '/recipes/none', undefined, NEW)).json).toEqual({
      detail: expect.stringContaining('/recipes/none') as string,
    });
    expect((await head.call('GET', '/recipes/none')).json).toMatchObject({
      error: { code: 'ROUTE_NOT_FOUND' },
    });
    expect((await head.call('GET', '/compat/skypilot/none')).json).toHaveProperty('detail');
  });
});

describe('what is not built', () => {
  it.each(['viewer', 'user', 'admin'])('is refused in the same words to a %s', async (role) => {
    await head.call('POST', '/v1/users', { name: `one-${role}`, role });
    const { token } = (await head.call('POST', '/v1/tokens', { user: `one-${role}` })).json;
    const headers = { ...NEW, authorization: `Bearer ${token}` };
    for (const path of [
      '/local_up',
      '/local_down',
      '/kubernetes_label_gpus',
      '/ssh_node_pools/deploy',
      '/ssh_node_pools/down',
      '/ssh_node_pools/lab/deploy',
      '/ssh_node_pools/lab/down',
      '/workspaces/create',
      '/workspaces/update',
      '/workspaces/delete',
    ])
      expect([path, JSON.parse((await result(path, {}, headers)).error).type]).toEqual([
        path,
        'NotSupportedError',
      ]);
    for (const path of [
      '/ssh_node_pools',
      '/ssh_node_pools/keys',
      '/users/create',
      '/users/update',
      '/users/delete',
      '/users/service-account-tokens',
    ])
      expect([path, (await head.call('POST', path, {}, headers)).json]).toEqual([
        path,
        { detail: 'these changes are not supported by this head yet' },
      ]);
  });
});

describe('an answer', () => {
  it('has no key for the older client that it does not know', async () => {
    const keys = Object.keys(await result('/queue', { cluster_name: 'none' }, {}));
    expect(keys).not.toContain('finished_at');
    expect(Object.keys(await result('/queue', { cluster_name: 'none' }))).toContain('finished_at');
  });

  it('to an unknown request is 404 with a detail', async () => {
    for (const path of ['/api/get', '/api/stream'])
      expect(await head.call('GET', `${path}?request_id=00000000-0000-4000-8000-000000000000`)).toMatchObject(
        {
          status: 404,
          json: { detail: expect.any(String) as string },
        },
      );
  });

  it('of no error of the head itself is in its log', () => {
    expect(head.complaints).toEqual([]);
  });
});
