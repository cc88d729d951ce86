/** Processes that are killed in the middle of commits: ours, and those of the server. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Store, StoreError } from '@drover/engine';
import { sampleBatch, sampleRow } from '@drover/testkit';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { MIGRATIONS } from '../../packages/head/src/store/postgres/migrations.ts';
import { openPostgresStore } from '../../packages/head/src/store/postgres/postgres-store.ts';
import { runSqlAt } from '../../packages/head/src/testing/sql.ts';
import { until } from '../e2e/real-herd.ts';
import { dropSchema, newPostgresUrl, runSql, schemaOf } from './databases.ts';
import type { PostgresServer } from './setup.ts';

const log = { info() {}, warn() {}, error() {} };
const ROWS_PER_BATCH = 7;
let url: string;
const open = (at = url) => openPostgresStore({ url: at, log, onFatal: () => undefined });
beforeEach(() => {
  url = newPostgresUrl();
});
afterEach(() => dropSchema(url));

const source = new URL('../../packages/head/src/store/postgres/postgres-store.ts', import.meta.url).href;
/** Commits for ever, several batches under way at once, and prints the number of each that is acknowledged. */
const committer = () => `
  import { writeSync } from 'node:fs';
  import { openPostgresStore } from ${JSON.stringify(source)};
  const log = { info() {}, warn() {}, error() {} };
  const store = await openPostgresStore({ url: ${JSON.stringify(url)}, log, onFatal() {} });
  let number = (await store.last()).batch;
  const one = async () => {
    for (;;) {
      const mine = ++number;
      const changes = Array.from({ length: ${ROWS_PER_BATCH} }, (_, i) => {
        const seq = mine * ${ROWS_PER_BATCH} + i;
        return { op: 'put', collection: 'instances', row: { id: 'i' + seq, seq, project: 'p', name: null, status: 'S',
          owner: 'batch/' + mine, rev: mine, v: 1, body: JSON.stringify({ text: 'x'.repeat(1000) }) } };
      });
      await store.commit({ number: mine, epoch: 1, changes });
      writeSync(1, mine + '\\n');
    }
  };
  for (let i = 0; i < 8; i++) one();
`;

/** The next head waits for the server to notice that the session has gone. */
async function openAtLast(at = url): Promise<Store> {
  for (;;) {
    try {
      return await open(at);
    } catch (error) {
      if (!(error instanceof StoreError) || error.failure === 'fatal') throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function commitAtLast(store: Store, number: number): Promise<void> {
  for (;;) {
    try {
      return await store.commit(sampleBatch(number, [sampleRow(number)]));
    } catch (error) {
      if (!(error instanceof StoreError) || error.failure === 'fatal') throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

it('D3: holds every acknowledged batch, and whole ones only, after kill -9 of a head in the middle of commits', async () => {
  for (const count of [40, 173]) {
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', committer()], {
      cwd: fileURLToPath(new URL('.', import.meta.url)),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit');
    let highest = 0;
    let heard = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      highest = Math.max(highest, Number(line));
      if (++heard === count) child.kill('SIGKILL');
    }
    await ended;
    const store = await openAtLast();
    const { batch: last } = await store.last();
    expect(last).toBeGreaterThanOrEqual(highest);
    const sizes = new Map<number, number>();
    for (const row of await store.load('instances')) sizes.set(row.rev, (sizes.get(row.rev) ?? 0) + 1);
    expect([...sizes.keys()]).toEqual(Array.from({ length: last }, (_, index) => index + 1));
    expect(new Set(sizes.values())).toEqual(new Set([ROWS_PER_BATCH]));
    expect(await store.maxSeq('instances')).toBe(last * ROWS_PER_BATCH + ROWS_PER_BATCH - 1);
    await store.close();
  }
});

it('D3: a server that crashes and recovers has every acknowledged batch, and the store goes on by itself', async () => {
  const script = fileURLToPath(new URL('../../scripts/postgres.mjs', import.meta.url));
  const child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  try {
    const { value } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
    const server = JSON.parse(String(value)) as PostgresServer;
    const store = await open(server.url);
    for (let number = 1; number <= 60; number++) {
      if (number % 20 === 0) {
        // The server takes a killed session for damage of what they share: it ends all, and recovers from its log.
        const [row] = await runSqlAt(
          server.url,
          "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'drover head%'",
        );
        process.kill(Number(row?.['pid']), 'SIGKILL');
      }
      await commitAtLast(store, number);
    }
    expect((await store.load('instances')).map(({ seq }) => seq)).toEqual(
      Array.from({ length: 60 }, (_, i) => i + 1),
    );
    await store.close();
  } finally {
    child.stdin.end();
    await ended;
  }
});

it('says what is wrong when there are too many connections', async () => {
  const role = `few_${process.pid}`;
  await runSql(`CREATE ROLE ${role} LOGIN CONNECTION LIMIT 0`);
  const few = new URL(url);
  few.username = role;
  await expect(open(few.href)).rejects.toMatchObject({
    failure: 'busy',
    message: expect.stringMatching(/too many connections.*53300/),
  });
  await runSql(`DROP ROLE ${role}`);
});

describe.each(MIGRATIONS.map(({ version }) => version))('from schema version %i', (version) => {
  it('every row is there afterwards, in the tables of a new store', async () => {
    const text = readFileSync(
      join(import.meta.dirname, `../../packages/head/src/store/fixtures/postgres-${version}.sql`),
      'utf8',
    );
    await runSql(
      text.replaceAll('SCHEMA SCHEMA', `SCHEMA ${schemaOf(url)}`).replaceAll('SCHEMA.', `${schemaOf(url)}.`),
    );
    const store = await open();
    expect(await store.last()).toEqual({ batch: 12, epoch: 3 });
    expect((await store.load('instances')).map(({ seq, name }) => [seq, name])).toEqual([
      [1, 'Größe 🐑'],
      [7, null],
    ]);
    expect(await store.maxSeq('instances')).toBe(9);
    await store.commit({ number: 13, epoch: 4, changes: [] });
    await store.close();
    const fresh = newPostgresUrl();
    await (await open(fresh)).close();
    expect(await shapeOf(url)).toEqual(await shapeOf(fresh));
    await dropSchema(fresh);
  });
});

async function shapeOf(at: string): Promise<unknown[]> {
  const schema = schemaOf(at);
  const columns = await runSql(
    `SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns WHERE table_schema = '${schema}' ORDER BY 1, 2`,
  );
  const indexes = await runSql(
    `SELECT replace(indexdef, '${schema}.', '') AS def FROM pg_indexes WHERE schemaname = '${schema}' ORDER BY 1`,
  );
  return [...columns, ...indexes];
}

it('D11: pages of a large table are read from indexes, in order, whatever the filter', async () => {
  const store = await open();
  await store.commit(sampleBatch(1, [sampleRow(1)]));
  const table = `${schemaOf(url)}.instances`;
  await runSql(
    `INSERT INTO ${table} SELECT n, 'i' || n, 'default', 'n' || n % 1000, CASE WHEN n % 3 = 0 THEN 'FAILED' ELSE 'COMPLETED' END, NULL, n, 1, '{}'
     FROM generate_series(2, 100000) AS n; ANALYZE ${table}`,
  );
  for (const filter of [
    {},
    { beforeSeq: 50_000 },
    { afterSeq: 50_000 },
    { statuses: ['FAILED'] },
    { statuses: ['FAILED', 'COMPLETED'], beforeSeq: 60_000 },
    { name: 'n7', statuses: ['COMPLETED'] },
  ]) {
    const started = performance.now();
    const rows = await store.page({ collection: 'instances', limit: 100, ...filter });
    expect(rows.length).toBeGreaterThan(30);
    // A scan of the table takes some 30 ms here, a page less than 5; the limit is for machines under load.
    expect(performance.now() - started).toBeLessThan(2_000);
  }
  const plan = await runSql(
    `EXPLAIN SELECT * FROM (SELECT * FROM (SELECT * FROM ${table} WHERE status = 'FAILED' AND seq < 60000 ORDER BY seq DESC LIMIT 100) a
     UNION ALL SELECT * FROM (SELECT * FROM ${table} WHERE status = 'COMPLETED' AND seq < 60000 ORDER BY seq DESC LIMIT 100) b) c ORDER BY seq DESC LIMIT 100`,
  );
  const text = plan.map((line) => String(line['QUERY PLAN'])).join('\n');
  expect(text).toMatch(/Index Scan/);
  expect(text).not.toMatch(/Seq Scan/);
  await store.close();
});

it('leaves no session behind when it closes', async () => {
  const store = await open();
  await store.load('instances');
  await store.close();
  const { url: server } = inject('postgres');
  await until('its sessions have gone', async () => {
    const [row] = await runSqlAt(
      server,
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name LIKE 'drover % ${process.pid} on %'`,
    );
    return row?.['n'] === 0;
  });
});
