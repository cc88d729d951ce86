/** What only a store in PostgreSQL can meet: sessions that end, another head, a server that refuses. */
import { type Store, StoreError } from '@drover/engine';
import { sampleBatch, sampleRow } from '@drover/testkit';
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  openPostgresStore,
  type PostgresStore,
} from '../../packages/head/src/store/postgres/postgres-store.ts';
import { dropSchema, newPostgresUrl, runSql, schemaOf } from './databases.ts';
import { Gate } from './gate.ts';

const log = { info() {}, warn() {}, error() {} };
let url: string;
let opened: PostgresStore[] = [];
let fatal: Error[] = [];
const open = async (at = url): Promise<PostgresStore> => {
  const store = await openPostgresStore({ url: at, log, onFatal: (error) => fatal.push(error) });
  opened.push(store);
  return store;
};
const one = (number: number, epoch = 1) => sampleBatch(number, [sampleRow(number)], epoch);

/** As the committer does: the same batch again until it is stored. @throws what is fatal */
async function commitAtLast(store: Store, number: number, epoch = 1): Promise<void> {
  for (;;) {
    try {
      await store.commit(one(number, epoch));
      return;
    } catch (error) {
      if (!(error instanceof StoreError) || error.failure === 'fatal') throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Ends the sessions of this schema's writer, as a restart of the server or a proxy would. */
const endSessions = () =>
  runSql(
    `SELECT pg_terminate_backend(l.pid) FROM pg_locks l WHERE l.locktype = 'advisory'
     AND EXISTS (SELECT 1 FROM pg_stat_activity a WHERE a.pid = l.pid AND a.application_name LIKE 'drover head ${process.pid} %')`,
  );

beforeEach(() => {
  url = newPostgresUrl();
  opened = [];
  fatal = [];
});
afterEach(async () => {
  await Promise.all(opened.map((store) => store.close()));
  await dropSchema(url);
});

it('P20: a second head on the database is refused, and told who holds it', async () => {
  const first = await open();
  await first.commit(one(1));
  const refused = await open().catch((error: unknown) => error);
  expect(refused).toMatchObject({ name: 'StoreError', failure: 'busy' });
  expect(String(refused)).toMatch(
    new RegExp(
      `in use by another head: drover head ${process.pid} on .+, connected from 127\\.0\\.0\\.1, since 20`,
    ),
  );
  await first.close();
  expect(await (await open()).last()).toEqual({ batch: 1, epoch: 1 });
});

it('P20: a head whose session was lost and taken over writes nothing more, and learns who has won', async () => {
  const gate = await Gate.open(url);
  const old = await open(gate.url);
  await old.commit(one(1));
  gate.shut();
  await expect(old.commit(one(2))).rejects.toMatchObject({ failure: 'busy' });
  await endSessions(); // what the server does itself when keep-alives stay unanswered
  const successor = await open();
  // Not yet with an epoch of its own: the old one has lost the lease already.
  gate.reopen();
  await expect(old.commit(one(2))).rejects.toMatchObject({ failure: 'busy' });
  await successor.commit(one(2, 2));
  await expect(commitAtLast(old, 2)).rejects.toThrow(/nother head/);
  expect(await successor.load('instances')).toHaveLength(2);
  // Even with the lease: the successor has gone, and its epoch stays.
  await successor.close();
  await expect(old.commit(one(3))).rejects.toMatchObject({ failure: 'fatal' });
  await gate.close();
});

it('P20: a head that writes nothing learns of the takeover by itself', async () => {
  const old = await open();
  await old.commit(one(1));
  // A successor that has got the lease and raised the epoch, seen from the old one's own session.
  await runSql(`UPDATE ${schemaOf(url)}.head SET batch = 2, epoch = 2`);
  await expect
    .poll(() => fatal.map(({ message }) => message), { timeout: 10_000 })
    .toEqual([expect.stringMatching(/Another head has taken over .*its epoch is 2, ours 1/)]);
});

it('writes nothing when the row of the head is not as it left it', async () => {
  const store = await open();
  await store.commit(one(1));
  await runSql(`UPDATE ${schemaOf(url)}.head SET batch = 7`);
  await expect(store.commit(one(2))).rejects.toThrow(/Another head has taken over/);
  expect(await runSql(`SELECT count(*)::int AS n FROM ${schemaOf(url)}.instances`)).toEqual([{ n: 1 }]);
});

it('stores every batch once when sessions end in the middle of commits', async () => {
  const store = await open();
  let stop = false;
  const killer = (async () => {
    while (!stop) {
      await endSessions();
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
  })();
  for (let number = 1; number <= 60; number++) await commitAtLast(store, number);
  stop = true;
  await killer;
  expect((await store.load('instances')).map(({ seq }) => seq)).toEqual(
    Array.from({ length: 60 }, (_, i) => i + 1),
  );
  expect(await store.last()).toEqual({ batch: 60, epoch: 1 });
}, 30_000);

it('asks how far it came when the answer to a commit was lost', async () => {
  const gate = await Gate.open(url);
  const store = await open(gate.url);
  await store.commit(one(1));
  gate.loseAnswers();
  const lost = store.commit(one(2));
  await expect.poll(() => runSql(`SELECT batch::int FROM ${schemaOf(url)}.head`)).toEqual([{ batch: 2 }]);
  gate.shut();
  await expect(lost).rejects.toMatchObject({ failure: 'busy' });
  gate.reopen();
  await commitAtLast(store, 2);
  await commitAtLast(store, 3);
  expect((await store.load('instances')).map(({ seq }) => seq)).toEqual([1, 2, 3]);
  await gate.close();
});

it('D9: a row that somebody else has locked makes a commit busy after a bounded wait, and it goes on afterwards', async () => {
  const store = await open();
  await store.commit(one(1));
  const started = performance.now();
  const held = runSql(`BEGIN; SELECT * FROM ${schemaOf(url)}.head FOR UPDATE; SELECT pg_sleep(7); COMMIT`);
  await expect
    .poll(() =>
      runSql(
        `SELECT 1 AS n FROM pg_stat_activity WHERE query LIKE '%pg_sleep(7)%' AND wait_event = 'PgSleep'`,
      ),
    )
    .toHaveLength(1);
  await expect(store.commit(one(2))).rejects.toMatchObject({ failure: 'busy' });
  expect(performance.now() - started).toBeLessThan(7_000);
  expect(await store.load('instances')).toHaveLength(1);
  await held;
  await commitAtLast(store, 2);
}, 30_000);

it('D12: a newer schema is refused, and both versions are named', async () => {
  await (await open()).close();
  await runSql(`UPDATE ${schemaOf(url)}.drover_schema SET version = 41`);
  await expect(open()).rejects.toMatchObject({
    failure: 'fatal',
    message: expect.stringMatching(/schema version 41.*up to 3\b/),
  });
});

it('D5: a schema that lost its tables, or has others, is refused and nothing is made there', async () => {
  await (await open()).close();
  await runSql(`DROP TABLE ${schemaOf(url)}.head`);
  await expect(open()).rejects.toThrow(/blank although it exists.*drover head restore/);
  await runSql(
    `DROP SCHEMA ${schemaOf(url)} CASCADE; CREATE SCHEMA ${schemaOf(url)}; CREATE TABLE ${schemaOf(url)}.books (id int)`,
  );
  await expect(open()).rejects.toThrow(/was not made by Drover/);
  expect(await runSql(`SELECT tablename FROM pg_tables WHERE schemaname = '${schemaOf(url)}'`)).toEqual([
    { tablename: 'books' },
  ]);
});

it('says where it cannot go, without the password', async () => {
  const bad = new URL(url);
  bad.port = '1';
  bad.password = 'geheim';
  const error = await open(bad.href).catch((thrown: Error) => thrown);
  expect(error).toMatchObject({
    failure: 'busy',
    message: expect.stringMatching(/127\.0\.0\.1:1\/postgres.*ECONNREFUSED/),
  });
  expect(String(error)).not.toContain('geheim');
});

it('reads go on when their connections end', async () => {
  const store = await open();
  await store.commit(one(1));
  expect(await store.load('instances')).toHaveLength(1);
  await runSql(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'drover reads ${process.pid} %'`,
  );
  expect(await store.load('instances')).toHaveLength(1);
});

it('a batch of many megabytes is one transaction', async () => {
  const store = await open();
  const rows = Array.from({ length: 6_000 }, (_, i) =>
    sampleRow(i + 1, { body: JSON.stringify('x'.repeat(2_000)) }),
  );
  const twin = sampleRow(6_000, { id: 'another with the seq of the last' });
  await expect(store.commit(sampleBatch(1, [...rows, twin]))).rejects.toMatchObject({ failure: 'fatal' });
  await store.close();
  const again = await open();
  expect(await again.last()).toEqual({ batch: 0, epoch: 0 });
  expect(await again.load('instances')).toEqual([]);
  await again.commit(sampleBatch(1, rows));
  expect(await again.load('instances')).toHaveLength(6_000);
});
