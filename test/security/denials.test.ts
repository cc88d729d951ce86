/** Every refusal of a caller is in the audit, from wherever it comes, and once; and a token that was lent shows no others. */
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { LinkClient, WebSocket } from '../../packages/head/src/testing/link-client.ts';
import { startTestHead, type TestHead } from '../../packages/head/src/testing/test-head.ts';

let head: TestHead;
const tokens: Record<string, { readonly token: string; readonly id: string }> = {};
const as = (name: string, more: Record<string, string> = {}) => ({
  authorization: `Bearer ${tokens[name]?.token}`,
  ...more,
});

beforeAll(async () => {
  head = await startTestHead();
  await head.call('POST', '/v1/projects', { name: 'lab' });
  for (const [name, role, wish] of [
    ['vi', 'viewer', {}],
    ['own', 'user', {}],
    ['narrow', 'user', { role: 'viewer' }],
    ['scoped', 'user', { project: 'lab' }],
    ['chief', 'admin', {}],
    ['less', 'admin', { role: 'viewer' }],
    ['still', 'admin', { role: 'admin' }],
  ] as const) {
    await head.call('POST', '/v1/users', { name, role });
    await head.call('PUT', `/v1/projects/lab/members/${name}`, { role });
    // Another one of the same user, which the narrowed one is not to see.
    await head.call('POST', '/v1/tokens', { user: name, name: 'another' });
    tokens[name] = (await head.call('POST', '/v1/tokens', { user: name, ...wish })).json;
  }
});
afterAll(() => head?.close());

/** How many lines there are. */
async function denials(code: string, route: string, at = head): Promise<number> {
  const { items } = (await at.call('GET', '/v1/audit?result=denied&limit=200')).json;
  return items.filter((item: { id: string; reason: { code: string } }) => {
    return item.reason.code === code && item.id === route;
  }).length;
}
/** With headers that fetch does not send. */
const plain = (path: string, headers: Record<string, string>): Promise<number> =>
  new Promise((resolve, reject) => {
    request(`${head.url}${path}`, { headers }, (reply) => resolve(reply.resume().statusCode ?? 0))
      .once('error', reject)
      .end();
  });
const upgrade = (headers: Record<string, string>, at = head): Promise<number> =>
  new Promise((resolve, reject) => {
    const ws = new WebSocket(`${at.url.replace('http', 'ws')}/v1/link`, { headers });
    ws.once('unexpected-response', (_request, reply) => {
      resolve(reply.statusCode ?? 0);
      ws.terminate();
    });
    ws.once('open', () => reject(new Error('it was let in')));
    ws.on('error', () => undefined);
  });
const workspace = { override_skypilot_config: { active_workspace: 'secret' } };

describe('a denial is in the audit', () => {
  it.each<[string, string, string, () => Promise<unknown>]>([
    ['of a handler', 'FORBIDDEN', 'POST /v1/tokens', () => head.call('POST', '/v1/tokens', {}, as('narrow'))],
    [
      'of a join token',
      'JOIN_TOKEN_INVALID',
      'POST /v1/join',
      () =>
        head.call(
          'POST',
          '/v1/join',
          { workerId: crypto.randomUUID() },
          { authorization: 'Bearer drvj_wrong' },
        ),
    ],
    [
      'of the door',
      'FORBIDDEN',
      'POST /v1/users',
      () => head.call('POST', '/v1/users', { name: 'x' }, as('vi')),
    ],
    ['of a strange Host', 'HOST_REFUSED', 'GET /v1/head', () => plain('/v1/head', { host: 'evil.example' })],
    [
      'of a page',
      'ORIGIN_REFUSED',
      'GET /v1/whoami',
      () => plain('/v1/whoami', { origin: 'https://evil.example' }),
    ],
    [
      'of a project, by a handler',
      'PROJECT_NOT_FOUND',
      'GET /v1/projects/:name',
      () => head.call('GET', '/v1/projects/secret', undefined, as('vi')),
    ],
    [
      'of a workspace',
      'PROJECT_NOT_FOUND',
      'POST /status',
      () => head.call('POST', '/status', workspace, as('own')),
    ],
  ])('%s', async (_, code, route, act) => {
    expect(await denials(code, route)).toBe(0);
    await act();
    const name = `${code} ${route}`;
    expect([name, await denials(code, route)]).toEqual([name, 1]);
  });

  it('of a link, whichever rule refuses it', async () => {
    const other = await startTestHead();
    for (const [code, status, headers] of [
      ['ORIGIN_REFUSED', 403, { origin: other.url }],
      ['HOST_REFUSED', 403, { host: 'evil.example' }],
      ['UNAUTHENTICATED', 401, { authorization: `Bearer ${other.token}` }],
    ] as const) {
      expect(await upgrade(headers, other)).toBe(status);
      expect([code, await denials(code, 'GET /v1/link', other)]).toEqual([code, 1]);
    }
    await other.close();
  });
});

describe('a token that is narrowed', () => {
  it.each(['narrow', 'scoped', 'less', 'still'])('sees and revokes only itself (%s)', async (name) => {
    const mine = (await head.call('GET', '/v1/tokens', undefined, as(name))).json.items;
    expect(mine.map(({ id }: { id: string }) => id)).toEqual([tokens[name]?.id]);
    const all = await head.call('GET', '/v1/tokens?allUsers=true', undefined, as(name));
    expect([all.status, all.json.error.code]).toEqual([403, 'FORBIDDEN']);
    const { items } = (await head.call('GET', '/v1/tokens')).json;
    const another = items.find(
      (item: { user: string; name: string }) => item.user === name && item.name === 'another',
    );
    for (const id of [another.id, tokens['chief']?.id]) {
      const refused = await head.call('DELETE', `/v1/tokens/${id}`, undefined, as(name));
      expect([refused.status, refused.json.error.code]).toEqual([404, 'TOKEN_NOT_FOUND']);
    }
  });

  it('may end itself, by its id or as the one of the call', async () => {
    for (const [name, ref] of [
      ['narrow', tokens['narrow']?.id],
      ['scoped', 'current'],
    ] as const)
      expect((await head.call('DELETE', `/v1/tokens/${ref}`, undefined, as(name))).status).toBe(204);
  });

  it('is told the role that it leaves, of each project', async () => {
    const list = (await head.call('GET', '/v1/projects', undefined, as('less'))).json.items;
    expect(list.map(({ name, role }: { name: string; role: string }) => [name, role])).toEqual([
      ['default', 'viewer'],
      ['lab', 'viewer'],
    ]);
    const one = (await head.call('GET', '/v1/projects/lab', undefined, as('less'))).json;
    expect(one.role).toBe('viewer');
    const { projects } = (await head.call('GET', '/v1/whoami', undefined, as('less'))).json;
    expect(projects.every(({ role }: { role: string }) => role === 'viewer')).toBe(true);
  });
});

describe('links of one identity that say nothing', () => {
  it('are four at most, until one of them speaks or goes', async () => {
    const first = await LinkClient.open(head);
    const headers = { authorization: `Bearer ${first.token}` };
    const open = async (): Promise<WebSocket> => {
      const ws = new WebSocket(`${head.url.replace('http', 'ws')}/v1/link`, { headers });
      await new Promise((resolve, reject) => ws.once('open', resolve).once('error', reject));
      return ws;
    };
    const more = [await open(), await open(), await open()];
    expect(await upgrade(headers)).toBe(429);
    more[0]?.terminate();
    await expect.poll(async () => (await open().catch(() => null)) !== null).toBe(true);
    expect(await upgrade(headers)).toBe(429);
    await first.greet();
    more.push(await open());
    for (const ws of [...more, first.ws]) ws.terminate();
  });
});
