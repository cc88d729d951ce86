/** What runs on `local` runs as the head's own user: who is no admin gets nothing there, by no way. */
import { afterEach, expect, it } from 'vitest';
import { startTestHead, type TestHead } from '../testing/test-head.ts';

const WAITS = ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.05; done'];
const TASK = { run: 'cat admin.token' };
const LOCAL = { choices: [{ infra: 'local' }] };
const WHY = /run as the head's own user: for admins only; start the head with --local-for-users/;

let head: TestHead;
afterEach(async () => await head.close());

async function start(localForUsers: boolean) {
  const infra = { sshPools: null, fakeInfra: null, advertiseUrl: null, workerProgram: WAITS, bundleDir: '/' };
  head = await startTestHead({ infra: { ...infra, localForUsers } });
  await head.call('POST', '/v1/users', { name: 'ana' });
  const { token } = (await head.call('POST', '/v1/tokens', { user: 'ana' })).json;
  const ana = { authorization: `Bearer ${token}` };
  return async (path: string, body: object) => await head.call('POST', path, body, ana);
}

/** The cluster is being placed there. */
async function reachLocal(name: string): Promise<void> {
  const until = performance.now() + 10_000;
  const where = async () => (await head.call('GET', `/v1/clusters/${name}`)).json.infra;
  while ((await where()) !== 'local') {
    if (performance.now() > until) throw new Error(`${name} is not on local`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

it('a user launches nothing on it, is planned nothing there, and adds nothing to what an admin has there', async () => {
  const ana = await start(false);
  const named = await ana('/v1/clusters/launch', { cluster: 'mine', task: { ...TASK, resources: LOCAL } });
  expect([named.status, named.json.error]).toEqual([
    403,
    expect.objectContaining({ code: 'FORBIDDEN', message: expect.stringMatching(WHY) as string }),
  ]);
  expect((await head.call('GET', '/v1/clusters/mine')).status).toBe(404);
  const byAdmin = { cluster: 'theirs', task: { ...TASK, resources: LOCAL } };
  expect((await head.call('POST', '/v1/clusters/launch', byAdmin)).status).toBe(202);
  await reachLocal('theirs');
  for (const [path, body] of [
    ['/v1/clusters/theirs/exec', { task: TASK }],
    ['/v1/clusters/theirs/start', {}],
    ['/v1/clusters/launch', { cluster: 'theirs', task: TASK }],
  ] as const)
    expect([path, (await ana(path, body)).json.error?.message]).toEqual([path, expect.stringMatching(WHY)]);
  // It is up now, so that whoever names nothing would be given it.
  expect((await head.call('POST', '/v1/plan', {})).json.chosen.infra).toBe('local');
  const planned = (await ana('/v1/plan', {})).json;
  expect([planned.chosen, planned.whyNot.join()]).toEqual([null, expect.stringMatching(WHY)]);
  const auto = await ana('/v1/clusters/launch', { cluster: 'auto', task: TASK });
  const ended = await head.call('GET', `/v1/requests/${auto.json.id}?wait=true`);
  expect(ended.json).toMatchObject({ status: 'FAILED', error: { message: expect.stringMatching(WHY) } });
});

/** What SkyPilot's clients hear of it, by that token; the infra is up. */
async function told(authorization: string) {
  const headers = { 'x-skypilot-api-version': '62', authorization };
  const outcome = async (method: string, path: string, body?: object) => {
    const id = (await head.call(method, path, body, headers)).headers.get('x-skypilot-request-id');
    const got = await head.call('GET', `/api/get?request_id=${id}`, undefined, headers);
    const log = await head.call('GET', `/api/stream?request_id=${id}`, undefined, headers);
    return { value: JSON.parse(got.json.return_value), log: log.text };
  };
  const clouds = (await outcome('GET', '/enabled_clouds?expand=true')).value;
  return { clouds, check: await outcome('POST', '/check', {}) };
}

it("SkyPilot's clients tell a user that it is not for them, and an admin that it is enabled", async () => {
  await start(false);
  const { token } = (await head.call('POST', '/v1/tokens', { user: 'ana' })).json;
  const admin = await told(`Bearer ${head.token}`);
  expect(admin.clouds).toEqual(expect.arrayContaining(['SSH/local']));
  expect(admin.check.log).toMatch(/^ {2}local: enabled, \d+ workers/m);
  const ana = await told(`Bearer ${token}`);
  expect(ana.clouds).not.toContain('SSH/local');
  expect(ana.check.log).toMatch(
    /^ {2}local: not for you, \d+ workers: .*for admins only; start the head with/m,
  );
});

it('a user may where the operator has said so', async () => {
  const ana = await start(true);
  const { token } = (await head.call('POST', '/v1/tokens', { user: 'ana' })).json;
  expect((await told(`Bearer ${token}`)).clouds).toContain('SSH/local');
  const mine = { cluster: 'mine', task: { ...TASK, resources: LOCAL } };
  expect((await ana('/v1/clusters/launch', mine)).status).toBe(202);
  await reachLocal('mine');
});
