/**
 * SkyPilot's clients name their project in the body, which the door does not see: each call that changes something asks
 * there what its caller may, wherever else that one may more; and what only needs somebody who may look changes nothing.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestHead, type TestHead, type TestReply } from '../../packages/head/src/testing/test-head.ts';

type Need = TestHead['routes'][number];
const NEW = { 'x-skypilot-api-version': '62', 'x-skypilot-version': '0.14.1' };
const TASK = 'name: null\n---\nrun: "true"\n';
let head: TestHead;
const tokens: Record<string, string> = {};

beforeAll(async () => {
  head = await startTestHead();
  for (const name of ['lab', 'shop']) await head.call('POST', '/v1/projects', { name, private: true });
  for (const [name, role] of [
    ['ana', 'user'],
    ['vi', 'viewer'],
  ] as const) {
    await head.call('POST', '/v1/users', { name, role });
    tokens[name] = (await head.call('POST', '/v1/tokens', { user: name })).json.token;
  }
  await member('default', 'ana', 'viewer');
  await member('shop', 'ana', 'viewer');
  await member('lab', 'ana', 'user');
});
afterAll(() => head.close());

const member = (project: string, name: string, role: string): Promise<TestReply> =>
  head.call('PUT', `/v1/projects/${project}/members/${name}`, { role });
const by = (name: string, more: Record<string, string> = {}) => ({
  ...NEW,
  authorization: `Bearer ${tokens[name]}`,
  ...more,
});
const inside = (active_workspace: string) => ({ override_skypilot_config: { active_workspace } });
const adapter = (wanted: (need: Need) => boolean): Need[] => {
  const rooted = new Set(
    head.routes.flatMap(({ path }) => (path.startsWith('/compat/skypilot') ? [path.slice(16)] : [])),
  );
  return head.routes.filter(
    (need) =>
      need.method !== 'HEAD' && rooted.has(need.path.replace(/^\/compat\/skypilot/, '')) && wanted(need),
  );
};
const onlyLooks = (project: string) => `this needs the role user; ana is viewer in project ${project}`;
/** What there is in the default project, and what vi has done. The launch that waits moves by itself. */
async function written(): Promise<unknown> {
  const at = async (path: string) => (await head.call('GET', path)).json.items;
  const requests = await at('/v1/requests?all=true&allUsers=true');
  const clusters = await at('/v1/clusters?allUsers=true');
  return {
    requests: requests.map(({ id }: { id: string }) => id),
    clusters: clusters.map((view: Record<string, unknown>) => [view['name'], view['autostop']]),
    done: await at('/v1/audit?actor=vi&result=done'),
  };
}

/** A launch that waits in that project, by its admin. */
async function waiting(project: string, cluster: string): Promise<string> {
  const launch = { cluster, retryUntilUp: true, task: { run: 'true' } };
  const made = await head.call('POST', '/v1/clusters/launch', launch, { 'drover-project': project });
  expect(made.status).toBe(202);
  return made.json.id;
}
const statusOf = async (project: string, id: string): Promise<string> =>
  (await head.call('GET', `/v1/requests/${id}`, undefined, { 'drover-project': project })).json.status;

describe('whoever may only look into the project that a call names', () => {
  it('changes nothing there by any call, though it may elsewhere', async () => {
    const routes = adapter(({ changesIn }) => changesIn === 'named');
    expect(routes.length).toBe(2 * 20);
    const differs: unknown[] = [];
    for (const { path } of routes) {
      const body = { cluster_name: 'c', all: true, task: TASK };
      for (const [project, named] of [
        ['shop', inside('shop')],
        ['default', inside('default')],
        ['default', {}],
      ] as const) {
        const { status, json } = await head.call('POST', path, { ...body, ...named }, by('ana'));
        if (status !== 403 || json.detail !== onlyLooks(project)) differs.push([path, project, status, json]);
      }
      const there = await head.call('POST', path, { ...body, ...inside('lab') }, by('ana'));
      if (there.status === 403) differs.push([path, 'lab', there.text]);
    }
    expect(differs).toEqual([]);
    const made = await head.call('GET', '/v1/requests?all=true&allUsers=true');
    expect(made.json.items).toEqual([]);
  });

  it('cancels nothing there by its id, whichever it names besides; elsewhere it does, without naming the place', async () => {
    const [theirs, mine] = [await waiting('shop', 'theirs'), await waiting('lab', 'mine')];
    const cancel = (body: object) => head.call('POST', '/api/cancel', body, by('ana'));
    for (const named of [{}, inside('lab'), inside('shop')]) {
      const refused = await cancel({ request_ids: [theirs], ...named });
      expect([refused.status, refused.json.detail]).toEqual([403, onlyLooks('shop')]);
    }
    for (const [project, named] of [
      ['shop', inside('shop')],
      ['default', {}],
    ] as const) {
      const refused = await cancel({ ...named });
      expect([refused.status, refused.json.detail]).toEqual([403, onlyLooks(project)]);
    }
    // One that it may and one that it may not: neither.
    expect((await cancel({ request_ids: [mine, theirs] })).status).toBe(200);
    expect([await statusOf('shop', theirs), await statusOf('lab', mine)]).not.toContain('CANCELLED');
    expect((await cancel({ request_ids: [mine] })).status).toBe(200);
    expect(await statusOf('lab', mine)).toBe('CANCELLED');
    const unknown = await cancel({ request_ids: ['00000000-0000-4000-8000-000000000000'] });
    expect([unknown.status, unknown.json.detail]).toEqual([403, onlyLooks('default')]);
  });
});

describe('whoever may only look everywhere', () => {
  it('uploads nothing; who may change something in one project does', async () => {
    const routes = adapter(({ changesIn }) => changesIn === 'any');
    expect(routes.length).toBe(4);
    const archive = { 'content-type': 'application/zip' };
    for (const [at, { path }] of routes.entries()) {
      const part = `${path}?user_hash=x&upload_id=u${at}&total_chunks=2&chunk_index=0`;
      const refused = await head.call('POST', part, 'half', by('vi', archive));
      expect([refused.status, refused.json.detail]).toEqual([
        403,
        'this needs the role user; vi is viewer in project default, and no more in any other',
      ]);
      expect((await head.call('POST', part, 'half', by('ana', archive))).status).toBe(200);
    }
  });

  it('writes nothing by any call that it may make', async () => {
    const id = await waiting('default', 'waits');
    const routes = adapter(({ access, changesIn }) => access === 'viewer' && changesIn === null);
    expect(routes.length).toBeGreaterThan(120);
    const body = {
      ...{ cluster_name: 'waits', cluster: 'waits', cluster_names: ['waits'], all: true, all_users: true },
      ...{ request_ids: [id], job_ids: [1], task: TASK, dag: TASK, follow: false, folder_paths: [] },
    };
    const before = await written();
    for (const { method, path } of routes) {
      const query = method === 'GET' ? `?request_id=${id}&follow=false&all_status=true` : '';
      // It waits, as the launch does.
      if (/\/api\/(get|stream)$/.test(path)) continue;
      const url = path.replace(':pool', 'p') + query;
      const reply = await head.call(method, url, method === 'GET' ? undefined : body, by('vi'));
      expect([url, reply.status]).toEqual([url, expect.not.toBeOneOf([401, 403, 500])]);
    }
    expect(await written()).toEqual(before);
  });
});
