/** People at the SkyPilot adapter: a login by a browser, workspaces that are projects, and whose a call is. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestHead, type TestHead } from '../testing/test-head.ts';

const NEW = { 'x-skypilot-api-version': '62', 'x-skypilot-version': '0.14.1' };
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
let head: TestHead;
let ana: string;
let bo: string;
beforeAll(async () => {
  head = await startTestHead();
  for (const name of ['ana', 'bo']) await head.call('POST', '/v1/users', { name });
  await head.call('POST', '/v1/users', { name: 'gone' });
  ana = await tokenOf('ana');
  bo = await tokenOf('bo');
  for (const name of ['lab', 'shop']) await head.call('POST', '/v1/projects', { name, private: true });
  await head.call('PUT', '/v1/projects/lab/members/ana', { role: 'user' });
  await head.call('PUT', '/v1/projects/shop/members/ana', { role: 'viewer' });
});
afterAll(() => head.close());

const tokenOf = async (user: string, more: object = {}): Promise<string> =>
  (await head.call('POST', '/v1/tokens', { user, ...more })).json.token;
const by = (token: string, more: Record<string, string> = {}) => ({
  ...NEW,
  authorization: `Bearer ${token}`,
  ...more,
});
const inside = (active_workspace: string) => ({ override_skypilot_config: { active_workspace } });

/** Submits, and fetches what the request came to. */
async function result(path: string, body: unknown, token: string) {
  const reply = await head.call('POST', path, body, by(token));
  expect([reply.status, reply.text]).toEqual([200, 'null']);
  const id = reply.headers.get('x-skypilot-request-id');
  const got = await head.call('GET', `/api/get?request_id=${id}`, undefined, by(token));
  return got.status === 200 ? got.json : got.json.detail;
}

describe('a login by a browser', () => {
  let codes = 0;
  const newCode = () => {
    const code = createHash('sha256').update(String(codes++)).digest('base64url');
    return { code, challenge: createHash('sha256').update(code).digest('base64url') };
  };
  const approve = (challenge: string, headers: Record<string, string>) =>
    head.call('POST', '/auth/authorize', `code_challenge=${challenge}`, { ...FORM, ...headers });
  const fetched = (code: string) =>
    head.call('GET', `/api/v1/auth/token?code_verifier=${code}`, undefined, { authorization: '' });
  const basic = (token: string) => ({
    authorization: `Basic ${Buffer.from(`me:${token}`).toString('base64')}`,
  });

  it('shows one form to whoever proves with a token who they are, and nothing that runs or can be framed', async () => {
    const { challenge } = newCode();
    const path = `/auth/authorize?code_challenge=${challenge}`;
    const stranger = await head.call('GET', path, undefined, { authorization: '' });
    expect(stranger.status).toBe(401);
    expect(stranger.headers.get('www-authenticate')).toContain('Basic');
    const page = await head.call('GET', path, undefined, basic(ana));
    expect(page.text).toContain('Log in as ana?');
    expect(page.text).toContain(challenge);
    expect(page.text).not.toMatch(/<script|<iframe|https?:/);
    expect(page.headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; style-src 'sha256-[\w+/=]+'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'$/,
    );
    expect(page.headers.get('cache-control')).toBe('no-store');
  });

  it('gives whoever has the code a token of that user for a week, once; a cookie brings it', async () => {
    const { code, challenge } = newCode();
    expect((await fetched(code)).status).toBe(404);
    expect((await approve(challenge, basic(ana))).status).toBe(200);
    expect((await fetched(challenge)).status).toBe(404);
    const said = JSON.parse(Buffer.from((await fetched(code)).json.token, 'base64').toString());
    expect(said).toMatchObject({ v: 1, user: expect.any(String) as string });
    expect((await fetched(code)).status).toBe(404);
    const cookie = `other=1; drover_token=${said.cookies.drover_token}`;
    const call = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
      fetch(`${head.url}${path}`, { method, headers: { cookie, ...headers } });
    expect(await (await call('/api/health', NEW)).json()).toMatchObject({ user: { name: 'ana' } });
    const { token } = (await (await call('/v1/whoami')).json()) as { token: Record<string, string> };
    expect(token['name']).toBe('sky login');
    const livesMs = Date.parse(token['expiresAt'] ?? '') - Date.parse(token['createdAt'] ?? '');
    expect(livesMs).toBe(7 * 86_400_000);
    // Neither from a page of somebody else's, nor beside a token that is wrong.
    expect((await call('/api/cancel', { origin: 'https://evil.example' }, 'POST')).status).toBe(403);
    expect((await call('/v1/whoami', { authorization: 'Bearer x' })).status).toBe(401);
  });

  it('is approved by nobody from another page, with no narrowed token and not with that of the head itself', async () => {
    const { code, challenge } = newCode();
    const foreign = await approve(challenge, { ...basic(ana), origin: 'https://evil.example' });
    expect(foreign.status).toBe(403);
    for (const token of [await tokenOf('ana', { role: 'viewer' }), head.token]) {
      const refused = await approve(challenge, basic(token));
      expect(refused.status).toBe(403);
      expect(refused.text).toContain('sky api login -e ADDRESS --token sky_TOKEN');
    }
    expect((await fetched(code)).status).toBe(404);
    expect((await approve('<b>', basic(ana))).status).toBe(422);
  });

  it('comes to nothing when the token that approved it has been revoked meanwhile', async () => {
    const { code, challenge } = newCode();
    const made = await head.call('POST', '/v1/tokens', { user: 'gone' });
    expect((await approve(challenge, basic(made.json.token))).status).toBe(200);
    await head.call('DELETE', `/v1/tokens/${made.json.id}`);
    expect((await fetched(code)).status).toBe(404);
  });
});

describe('a workspace', () => {
  it('is a project: what is asked in one is of that one', async () => {
    const failed = await result('/down', { cluster_name: 'none', ...inside('lab') }, ana);
    const { items } = (
      await head.call('GET', '/v1/requests?all=true', undefined, by(ana, { 'drover-project': 'lab' }))
    ).json;
    expect(items.map(({ id }: { id: string }) => id)).toEqual([failed.request_id]);
    const listed = await head.call('GET', '/api/status?all_status=true', undefined, by(ana));
    expect(listed.json.map((each: { request_id: string }) => each.request_id)).toContain(failed.request_id);
  });

  it('of others is none, also where one comes by an id', async () => {
    const failed = await result('/down', { cluster_name: 'none', ...inside('lab') }, ana);
    const ref = failed.request_id;
    for (const path of ['/api/get', '/api/stream'])
      expect((await head.call('GET', `${path}?request_id=${ref}`, undefined, by(bo))).status).toBe(404);
    expect((await head.call('GET', `/api/status?request_ids=${ref}`, undefined, by(bo))).json).toEqual([]);
    const refused = await head.call('POST', '/status', inside('lab'), by(bo));
    expect([refused.status, refused.json]).toEqual([403, { detail: 'no project lab for you' }]);
  });

  it('asks for what the route needs there, and a narrowed token has no other than its own', async () => {
    expect((await head.call('POST', '/status', inside('shop'), by(ana))).status).toBe(200);
    const refused = await head.call('POST', '/down', { cluster_name: 'x', ...inside('shop') }, by(ana));
    expect([refused.status, refused.json.detail]).toEqual([
      403,
      'this needs the role user; ana is viewer in project shop',
    ]);
    const narrow = await tokenOf('ana', { project: 'lab' });
    expect((await head.call('POST', '/status', inside('lab'), by(narrow))).status).toBe(200);
    expect((await head.call('POST', '/status', inside('default'), by(narrow))).status).toBe(403);
    for (const name of ['../x', '', 7, {}])
      expect((await head.call('POST', '/status', inside(name as string), by(ana))).status).toBeOneOf([
        403, 422,
      ]);
  });

  it('that may be written and that may be read are told apart; one that is preferred is not kept', async () => {
    const told = async (query: string) =>
      (await head.call('GET', `/users/me/workspace${query}`, undefined, by(ana))).json;
    expect(await told('')).toMatchObject({
      workspace: 'default',
      accessible: ['default', 'lab'],
      read_only: ['shop'],
    });
    expect(await told('?requested=lab')).toMatchObject({ workspace: 'lab', source: 'explicit' });
    expect(await told('?requested=none')).toMatchObject({ workspace: null, note: 'no project none for you' });
    const kept = await head.call('POST', '/users/me/workspace', { preferred: 'lab' }, by(ana));
    expect(kept.status).toBe(403);
    expect((await head.call('POST', '/users/me/workspace', { preferred: null }, by(ana))).json).toEqual({
      preferred: null,
    });
  });
});

describe('an answer that depends on who asks', () => {
  /** Asks, and says under which id the answer is. */
  const asked = async (method: string, path: string, token: string, body?: object): Promise<string> => {
    const reply = await head.call(method, path, body, by(token));
    expect([path, reply.status]).toEqual([path, 200]);
    return reply.headers.get('x-skypilot-request-id') ?? '';
  };
  const fetched = (id: string, token: string) =>
    head.call('GET', `/api/get?request_id=${id}`, undefined, by(token));
  const listed = async (token: string): Promise<string[]> => {
    const { json } = await head.call('GET', '/api/status?all_status=true', undefined, by(token));
    return json.map((each: { request_id: string }) => each.request_id);
  };

  it.each([
    ['GET', '/workspaces'],
    ['GET', '/enabled_clouds'],
    ['POST', '/check'],
  ])('is found and listed with the token that has asked, and no other: %s %s', async (method, path) => {
    const id = await asked(method, path, ana, method === 'POST' ? {} : undefined);
    const narrow = await tokenOf('ana', { project: 'default' });
    expect((await fetched(id, ana)).json).toMatchObject({ request_id: id, status: 'SUCCEEDED' });
    expect(await listed(ana)).toContain(id);
    for (const other of [bo, narrow, head.token]) {
      for (const ref of [id, id.slice(0, 8)])
        for (const place of ['get', 'stream']) {
          const reply = await head.call('GET', `/api/${place}?request_id=${ref}`, undefined, by(other));
          expect([place, reply.status, reply.text]).toEqual([
            place,
            404,
            expect.not.stringMatching(/lab|shop/),
          ]);
        }
      expect(await listed(other)).not.toContain(id);
    }
    // What is the project's is everybody's there.
    const status = await asked('POST', '/status', ana, {});
    expect((await fetched(status, bo)).status).toBe(200);
    expect(await listed(bo)).toContain(status);
  });

  it('is filed where it is about: a check of a workspace that is named beside the one in use', async () => {
    const id = await asked('POST', '/check', ana, { workspace: 'lab', ...inside('default') });
    const { return_value } = (await fetched(id, ana)).json;
    expect(Object.keys(JSON.parse(return_value))).toEqual(['lab']);
    await head.call('DELETE', '/v1/projects/lab/members/ana');
    expect((await fetched(id, ana)).status).toBe(404);
    await head.call('PUT', '/v1/projects/lab/members/ana', { role: 'user' });
    const refused = await head.call('POST', '/check', { workspace: 'lab' }, by(bo));
    expect([refused.status, refused.json.detail]).toEqual([403, 'no project lab for you']);
  });
});

describe('whose a call is', () => {
  const env_vars = { SKYPILOT_USER_ID: '0badcafe', SKYPILOT_USER: 'somebody' };

  it('says its token; what the client claims counts with the token of the head alone', async () => {
    const payload = await result('/down', { cluster_name: 'none', env_vars }, ana);
    expect(payload).toMatchObject({ user_name: 'ana' });
    expect(await result('/down', { cluster_name: 'none', env_vars }, head.token)).toMatchObject({
      user_id: '0badcafe',
    });
  });

  it('decides which requests "all of mine" are', async () => {
    const launch = {
      cluster_name: 'waits',
      retry_until_up: true,
      env_vars,
      task: 'name: null\n---\nrun: "true"\n',
    };
    const submitted = await head.call('POST', '/launch', launch, by(ana));
    const id = submitted.headers.get('x-skypilot-request-id');
    const cancel = async (token: string) =>
      JSON.parse((await result('/api/cancel', { user_id: '0badcafe', env_vars }, token)).return_value);
    expect(await cancel(bo)).toEqual([]);
    expect(await cancel(ana)).toEqual([id]);
  });
});
