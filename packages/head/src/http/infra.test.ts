/** `/v1/infra` and `/v1/machines` on a real head. Its workers are a program that only waits, unless a test says more. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTestHead, type TestHead } from '../testing/test-head.ts';

const WAITS = ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.05; done'];
const FAKE = `
demo:
  types:
    - {type: small, cpus: 2, memoryMiB: 4096, price: 0.5}
    - {type: gpu, cpus: 8, memoryMiB: 65536, gpus: '2xH100:80GB', price: 5, spotPrice: 2, places: [{region: east, zones: [a, b], stock: 1}]}
`;

let dir: string;
let fakeInfra: string;
let head: TestHead;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'drover-infra-http-'));
  fakeInfra = join(dir, 'fake.yaml');
  writeFileSync(fakeInfra, FAKE);
  const infra = { sshPools: null, fakeInfra, advertiseUrl: null, workerProgram: WAITS, bundleDir: dir };
  head = await startTestHead({ infra });
});
afterEach(async () => {
  await head.close();
  rmSync(dir, { recursive: true, force: true });
});

interface Shown {
  name: string;
  enabled: boolean;
  reason: { code: string; message: string } | null;
  types: { type: string; accelerators: unknown; available: number | null }[];
}
const list = async (): Promise<Shown[]> => (await head.call('GET', '/v1/infra?refresh=true')).json.items;
const find = async (name: string): Promise<Shown | undefined> =>
  (await list()).find((each) => each.name === name);
const machines = async (all = false) =>
  (await head.call('GET', `/v1/machines${all ? '?all=true' : ''}`)).json.items;
const reach = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
  const until = performance.now() + 15_000;
  while (!(await holds())) {
    if (performance.now() > until) throw new Error(`not reached: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
};

describe('the list of infra', () => {
  it('shows what each has to offer', async () => {
    const items = await list();
    expect(items.map(({ name, enabled }) => [name, enabled])).toEqual([
      ['pool/default', true],
      ['fake/demo', true],
      ['local', true],
    ]);
    expect(items[1]?.types).toMatchObject([
      { type: 'small', accelerators: null, available: null },
      {
        type: 'gpu',
        region: 'east',
        zone: 'a',
        accelerators: { name: 'H100', count: 2 },
        spotPricePerHour: 2,
      },
      { type: 'gpu', region: 'east', zone: 'b', available: 1 },
    ]);
  });

  it('says what is wrong, as soon as the file says it, and forgets it again', async () => {
    writeFileSync(fakeInfra, `${FAKE}  faults: {authRevoked: true}\n`);
    expect(await find('fake/demo')).toMatchObject({ enabled: false, reason: { code: 'AUTH' } });
    writeFileSync(fakeInfra, FAKE);
    expect(await find('fake/demo')).toMatchObject({ enabled: true, reason: null });
  });

  it('goes on with what a file said before, when it is broken', async () => {
    writeFileSync(fakeInfra, 'demo: [');
    expect((await find('fake/demo'))?.types).toHaveLength(3);
    expect(head.complaints.join()).toContain('what it said before still counts');
  });
});

describe('a shared infra', () => {
  it('comes up with one machine, however often it is said, and goes without a trace', async () => {
    const up = await head.call('POST', '/v1/infra/local/up');
    expect([up.status, up.json.up]).toEqual([200, true]);
    await head.call('POST', '/v1/infra/local/up');
    await reach('it was started', async () => (await machines())[0]?.status === 'JOINING');
    expect(await machines()).toMatchObject([{ infra: 'local', owner: 'infra/local', requestedBy: 'infra' }]);
    await head.call('POST', '/v1/infra/local/down');
    await reach('it is gone', async () => (await machines()).length === 0);
    expect(await machines(true)).toMatchObject([{ status: 'GONE', cost: 0 }]);
  });

  it.each([
    ['POST', '/v1/infra/nowhere/up', 404, 'INFRA_NOT_FOUND'],
    ['POST', '/v1/infra/ssh/nowhere/up', 404, 'INFRA_NOT_FOUND'],
    ['POST', '/v1/infra/pool/default/up', 400, 'NOT_SUPPORTED'],
    ['POST', '/v1/infra/fake/demo/down', 400, 'NOT_SUPPORTED'],
  ])('%s %s is refused', async (method, path, status, code) => {
    const reply = await head.call(method, path);
    expect([reply.status, reply.json.error.code]).toEqual([status, code]);
  });
});

describe('places', () => {
  const join_ = async (token: string) => {
    const workerId = crypto.randomUUID();
    const reply = await head.call('POST', '/v1/join', { workerId }, { authorization: `Bearer ${token}` });
    return { reply, workerId };
  };

  it('a worker belongs to the pool of its join token', async () => {
    const { token, pool } = (await head.call('POST', '/v1/join-tokens', { pool: 'lab' })).json;
    expect(pool).toBe('lab');
    const { workerId } = await join_(token);
    const plain = await join_((await head.call('POST', '/v1/join-tokens', {})).json.token);
    const worker = async (id: string) => (await head.call('GET', `/v1/workers/${id}`)).json;
    expect(await worker(workerId)).toMatchObject({ place: 'pool/lab', machine: null });
    expect(await worker(plain.workerId)).toMatchObject({ place: 'pool/default' });
    expect((await list()).map(({ name }) => name)).toContain('pool/lab');
  });

  it.each(['', 'a b', 'local/x', '../x', 'x'.repeat(64)])('refuses the pool %j', async (pool) => {
    const reply = await head.call('POST', '/v1/join-tokens', { pool });
    expect([reply.status, reply.json.error.details.field]).toEqual([400, 'pool']);
  });
});
