import { existsSync } from 'node:fs';
import { chmod, mkdtemp, open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StoreError } from '@drover/engine';
import { sampleBatch, sampleRow, storeContract } from '@drover/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadDriver, type SqlDatabase } from './driver.ts';
import { openSqliteStore, type SqliteStore } from './sqlite-store.ts';

const log = { info() {}, warn() {}, error() {} };
const newDir = () => mkdtemp(join(tmpdir(), 'drover-store-'));

storeContract('sqlite', async () => {
  const dir = await newDir();
  let store = await openSqliteStore({ dir, log });
  return {
    store,
    async reopen() {
      await store.close();
      store = await openSqliteStore({ dir, log });
      return store;
    },
    async destroy() {
      await store.close();
      await rm(dir, { recursive: true });
    },
  };
});

describe('SQLite store', () => {
  let root: string;
  let dir: string;
  let path: string;
  const opened: SqliteStore[] = [];
  const openStore = async () => {
    const store = await openSqliteStore({ dir, log });
    opened.push(store);
    return store;
  };
  beforeEach(async () => {
    root = await newDir();
    dir = root;
    path = join(dir, 'drover.db');
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((store) => store.close()));
    await rm(root, { recursive: true });
  });
  const editDatabase = async (edit: (db: SqlDatabase) => void) => {
    const db = (await loadDriver()).open(path);
    edit(db);
    db.close();
  };

  it('joins waiting batches into few transactions', async () => {
    const store = await openStore();
    const started = performance.now();
    await Promise.all(
      Array.from({ length: 2_000 }, (_, index) =>
        store.commit(sampleBatch(index + 1, [sampleRow(index + 1)])),
      ),
    );
    expect(performance.now() - started).toBeLessThan(10_000);
    expect(await store.last()).toEqual({ batch: 2_000, epoch: 1 });
  });

  it('makes the folder 0700 and its files 0600', async () => {
    dir = join(dir, 'deep', 'state');
    path = join(dir, 'drover.db');
    const store = await openStore();
    await store.commit(sampleBatch(1, [sampleRow(1)]));
    expect((await stat(dir)).mode & 0o777).toBe(0o700);
    for (const name of ['drover.db', 'drover.db-wal', 'drover.db-shm', 'drover.lock'])
      expect([name, (await stat(join(dir, name))).mode & 0o777]).toEqual([name, 0o600]);
    await store.close();
    await chmod(path, 0o644);
    await openStore();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('D10: refuses a folder that others can write to', async () => {
    await chmod(dir, 0o770);
    await expect(openStore()).rejects.toThrow(/can be written by others \(mode 0770\)\. Run: chmod 700/);
  });

  it('P20: refuses a second head on the folder, and lets it in when the first has closed', async () => {
    const first = await openStore();
    const second = openStore();
    await expect(second).rejects.toThrow(StoreError);
    await expect(second).rejects.toMatchObject({
      failure: 'busy',
      message: expect.stringMatching(/another head/),
    });
    await first.commit(sampleBatch(1, []));
    await first.close();
    expect(await (await openStore()).last()).toEqual({ batch: 1, epoch: 1 });
  });

  it('D12: refuses a newer schema and names both versions', async () => {
    await (await openStore()).close();
    await editDatabase((db) => db.exec('PRAGMA user_version = 41'));
    await expect(openStore()).rejects.toMatchObject({
      failure: 'fatal',
      message: expect.stringMatching(/schema version 41.*up to 3\b/),
    });
  });

  it('refuses a database of another program', async () => {
    await (await openStore()).close();
    await editDatabase((db) => db.exec('PRAGMA application_id = 7'));
    await expect(openStore()).rejects.toThrow(/was not made by Drover/);
  });

  it.each([
    [
      'text instead of a database',
      () => writeFile(path, 'x'.repeat(50_000)),
      /is damaged.*drover head restore FILE --state/,
    ],
    ['an overwritten page', () => scribble(path, 4096 * 3), /is damaged.*drover head restore FILE/],
    ['a file cut in the middle', async () => truncate(path, 4096 * 20), /is damaged/],
    ['an empty file', () => truncate(path, 0), /is blank although it exists.*drover head restore FILE/],
    [
      'a log without its database',
      () => loseDatabase(path),
      /is missing, but its log.*drover head restore FILE/,
    ],
  ])('D5: refuses %s, names the way back, and starts nothing', async (_, damage, message) => {
    const store = await openStore();
    for (let number = 1; number <= 40; number++)
      await store.commit(sampleBatch(number, [sampleRow(number, { body: `"${'x'.repeat(4_000)}"` })]));
    await store.close();
    await damage();
    const contents = async () => (existsSync(path) ? (await readFile(path)).toString('base64') : null);
    const before = await contents();
    await expect(openStore()).rejects.toMatchObject({
      failure: 'fatal',
      message: expect.stringMatching(message),
    });
    expect((await contents()) === before).toBe(true);
  });

  it('D9: reports another process that holds the database as busy, and goes on afterwards', async () => {
    const store = await openStore();
    await store.commit(sampleBatch(1, [sampleRow(1)]));
    const db = (await loadDriver()).open(path);
    db.exec('BEGIN IMMEDIATE');
    await expect(store.commit(sampleBatch(2, [sampleRow(2)]))).rejects.toMatchObject({ failure: 'busy' });
    expect(await store.load('instances')).toHaveLength(1);
    db.exec('ROLLBACK');
    db.close();
    await store.commit(sampleBatch(2, [sampleRow(2)]));
    expect(await store.last()).toEqual({ batch: 2, epoch: 1 });
  }, 15_000);

  it('refuses what it could not read back, or would overwrite, and writes nothing of the batch', async () => {
    const store = await openStore();
    await expect(store.commit(sampleBatch(1, [sampleRow(1, { body: '"\u001e"' })]))).rejects.toThrow(
      /not JSON text/,
    );
    const twins = [sampleRow(1), sampleRow(2), sampleRow(2, { id: 'another' })];
    await expect(store.commit(sampleBatch(1, twins))).rejects.toMatchObject({ failure: 'fatal' });
    expect(await store.load('instances')).toEqual([]);
    await expect(store.commit(sampleBatch(1, []))).rejects.toMatchObject({ failure: 'fatal' });
  });
});

async function scribble(path: string, offset: number): Promise<void> {
  const file = await open(path, 'r+');
  await file.write(new Uint8Array(4096).fill(0x5a), 0, 4096, offset);
  await file.close();
}

async function loseDatabase(path: string): Promise<void> {
  await writeFile(`${path}-wal`, 'frames');
  await rm(path);
}
