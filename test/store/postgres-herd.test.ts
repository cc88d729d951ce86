/** The real programs on a database that goes away and comes back. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { RealHerd, until } from '../e2e/real-herd.ts';
import { dropSchema, newPostgresUrl } from './databases.ts';
import { Gate } from './gate.ts';

const url = newPostgresUrl();
let herd: RealHerd | null = null;
let gate: Gate | null = null;
afterEach(async () => {
  gate?.reopen();
  await herd?.close();
  await gate?.close();
  await dropSchema(url);
});

it('D1: while the database is away writes get 503, reads go on, ends are kept; a head that is killed meanwhile finds all', async () => {
  const way = await Gate.open(url);
  gate = way;
  const made = new RealHerd(['--store', way.url]);
  herd = made;
  await made.startHead();
  await made.addWorker('w1');
  const { client } = made;
  const post = () =>
    fetch(`${made.url}/v1/instances`, {
      method: 'POST',
      headers: { authorization: `Bearer ${made.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ command: 'true', resources: { cpu: 1_000 } }),
    });
  const go = (n: number) => join(made.dir, `go${n}`);
  const submit = (n: number) =>
    client.instances.submit({
      command: `until [ -e ${go(n)} ]; do sleep 0.05; done; touch ${go(n)}.done; exit ${n}`,
    });
  const [first, second] = [await submit(3), await submit(4)];
  for (const { id } of [first, second])
    await until('it runs', async () => (await client.instances.get(id)).status === 'RUNNING');

  way.shut();
  await until('a write is refused', async () => (await post()).status === 503, 30_000);
  const started = performance.now();
  const refused = await post();
  expect(performance.now() - started).toBeLessThan(3_000);
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
  const { error } = (await refused.json()) as { error: { code: string; message: string } };
  expect(error.code).toBe('STORE_FULL');
  expect(error.message).toMatch(/database cannot be used now: 127\.0\.0\.1:\d+\/postgres/);
  writeFileSync(go(3), '');
  await until('it has ended', () => existsSync(`${go(3)}.done`));
  expect((await fetch(`${made.url}/healthz`)).status).toBe(200);
  expect((await client.head.get()).store).toMatchObject({ kind: 'postgres', status: 'stalled' });

  way.reopen();
  await until('it takes writes again', async () => (await post()).status === 201, 30_000);
  await until('the end is told', async () => (await client.instances.get(first.id)).exitCode === 3);

  way.shut();
  await made.killHead();
  writeFileSync(go(4), '');
  await until('it has ended', () => existsSync(`${go(4)}.done`));
  way.reopen();
  await until(
    'the lease is free',
    async () =>
      await made.startHead().then(
        () => true,
        () => false,
      ),
    30_000,
  );
  await until(
    'the end is told',
    async () => (await made.client.instances.get(second.id)).exitCode === 4,
    30_000,
  );
  expect((await made.client.instances.get(first.id)).exitCode).toBe(3);
}, 120_000);
