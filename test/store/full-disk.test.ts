/** The real programs on disks that are really full. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sampleBatch, sampleRow } from '@drover/testkit';
import type { Client } from 'drover';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { openPostgresStore } from '../../packages/head/src/store/postgres/postgres-store.ts';
import { end, RealHerd, until } from '../e2e/real-herd.ts';
import { dropSchema, newPostgresUrl, runSql } from './databases.ts';
import { SmallDisk } from './small-disk.ts';

let herd: RealHerd;
const disks: SmallDisk[] = [];
beforeEach(() => {
  herd = new RealHerd();
});
/** All instances have ended by then, or were never placed. */
afterEach(async () => {
  for (const disk of disks) disk.free();
  for (const { program } of herd.workers.values()) await end(program.child, 'SIGTERM');
  if (herd.head) await end(herd.head.child, 'SIGTERM');
  for (const disk of disks.splice(0)) disk.unmount();
  rmSync(herd.dir, { recursive: true, force: true });
});

const call = (method: string, path: string, body?: unknown): Promise<Response> =>
  fetch(`${herd.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${herd.token}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
const idsOf = async (client: Client): Promise<string[]> =>
  (await client.instances.page({}, { limit: 1_000 })).items.map(({ id }) => id).sort();

it('D1: a full disk refuses writes with 503 and a reason, loses nothing, and is left without a restart', async (context) => {
  const disk = SmallDisk.mount(herd.stateOf('head'), 4);
  if (typeof disk === 'string') return context.skip(disk);
  disks.push(disk);
  await herd.startHead();
  const workerId = await herd.addWorker('w1');
  const pid = herd.head?.child.pid;
  const go = join(herd.dir, 'go');
  const running = await herd.client.instances.submit({
    command: `until [ -e ${go} ]; do sleep 0.05; done; exit 3`,
  });
  await until('it runs', async () => (await herd.client.instances.get(running.id)).status === 'RUNNING');

  disk.fill();
  const accepted = [running.id];
  const refused = async (): Promise<{
    status: number;
    retryAfter: string | null;
    code: string;
    message: string;
  }> => {
    const reply = await call('POST', '/v1/instances', {
      command: 'true',
      resources: { cpu: 1_000 },
      env: { TEXT: 'x'.repeat(20_000) },
    }).catch(() => null);
    if (reply === null) throw new Error('the head does not answer');
    const json = (await reply.json()) as { id?: string; error?: { code: string; message: string } };
    if (reply.status === 201) accepted.push(json.id ?? '');
    const { code = '', message = '' } = json.error ?? {};
    return { status: reply.status, retryAfter: reply.headers.get('retry-after'), code, message };
  };
  await until(
    'a write is refused',
    async () => {
      const { status } = await refused();
      return status === 503;
    },
    30_000,
  );
  // What fitted into the log before was stored and acknowledged; from now on nothing is.
  writeFileSync(go, '');
  for (let round = 0; round < 20; round++) {
    expect(await refused()).toMatchObject({
      status: 503,
      retryAfter: '1',
      code: 'STORE_FULL',
      message: expect.stringMatching(/disk is full/),
    });
    // Only what no crash can take back: the end that its worker has told by now is not stored.
    expect(await idsOf(herd.client)).toEqual([...accepted].sort());
    expect((await herd.client.instances.get(running.id)).status).toBe('RUNNING');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const view = await herd.client.head.get();
  expect(view.store).toMatchObject({ status: 'stalled', message: expect.stringMatching(/disk is full/) });
  expect((await herd.client.workers.get(workerId)).status).toBe('ONLINE');

  disk.free();
  await until('it takes writes again', async () => (await refused()).status === 201, 30_000);
  await until('the end of what ran is told', async () => {
    const { status, exitCode } = await herd.client.instances.get(running.id);
    return status === 'FAILED' && exitCode === 3;
  });
  expect(herd.head?.child.pid).toBe(pid);
  expect(herd.head?.child.exitCode).toBeNull();

  disk.fill();
  await until('a write is refused again', async () => (await refused()).status === 503, 30_000);
  await herd.killHead();
  disk.free();
  await herd.startHead();
  const shown = new Set(await idsOf(herd.client));
  expect(accepted.filter((id) => !shown.has(id))).toEqual([]);
  expect((await herd.client.instances.get(running.id)).exitCode).toBe(3);
});

it('D1: a full disk of PostgreSQL is full, not fatal, and the same batch is stored when there is room', async (context) => {
  const { dir, uid, gid } = inject('postgres');
  const path = join(dir, `small-${process.pid}`);
  mkdirSync(path);
  const disk = SmallDisk.mount(path, 3, uid !== null && gid !== null ? { uid, gid } : undefined);
  if (typeof disk === 'string') return context.skip(disk);
  const space = `small_${process.pid}`;
  const url = new URL(newPostgresUrl());
  url.searchParams.set('options', `-c default_tablespace=${space}`);
  try {
    await runSql(`CREATE TABLESPACE ${space} LOCATION '${path}'`);
    const store = await openPostgresStore({
      url: url.href,
      log: { info() {}, warn() {}, error() {} },
      onFatal: () => undefined,
    });
    let number = 0;
    let failure: unknown = null;
    // Random text: PostgreSQL compresses what repeats.
    const text = () => Array.from({ length: 2_000 }, () => Math.random().toString(36)).join('');
    const batches = Array.from({ length: 400 }, (_, i) =>
      sampleBatch(i + 1, [sampleRow(i + 1, { body: JSON.stringify(text()) })]),
    );
    disk.fill();
    while (failure === null && number < 400) {
      number += 1;
      failure = await store.commit(batches[number - 1] ?? sampleBatch(0, [])).then(
        () => null,
        (error: unknown) => error,
      );
    }
    expect(failure).toMatchObject({
      name: 'StoreError',
      failure: 'full',
      message: expect.stringMatching(/disk of the database is full.*53100/),
    });
    expect(await store.load('instances')).toHaveLength(number - 1);
    disk.free();
    await store.commit(batches[number - 1] ?? sampleBatch(0, []));
    expect(await store.last()).toEqual({ batch: number, epoch: 1 });
    await store.close();
  } finally {
    disk.free();
    await dropSchema(url.href);
    await runSql(`DROP TABLESPACE IF EXISTS ${space}`);
    disk.unmount();
  }
});
