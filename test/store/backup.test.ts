/** Backup and restore through the store's own doors, on both databases and across. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Store } from '@drover/engine';
import { COLLECTION_NAMES, RandomBatches, sampleBatch, sampleRow } from '@drover/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openFolderBlobs } from '../../packages/head/src/blobs/folder-blobs.ts';
import { readBackup } from '../../packages/head/src/store/backup/read-backup.ts';
import { restore } from '../../packages/head/src/store/backup/restore.ts';
import { backUp } from '../../packages/head/src/store/backup/write-backup.ts';
import { openStore } from '../../packages/head/src/store/open-store.ts';
import { dropSchema, newPostgresUrl, runSql, schemaOf } from './databases.ts';

const ports = { log: { info() {}, warn() {}, error() {} }, onFatal: () => undefined };
let root: string;
let file: string;
let urls: string[];
let stores: Store[];

interface Place {
  readonly stateDir: string;
  readonly store: string | null;
}
let places = 0;
const newPlace = (kind: 'sqlite' | 'postgres'): Place => {
  const stateDir = join(root, `state${++places}`);
  if (kind === 'sqlite') return { stateDir, store: null };
  const store = newPostgresUrl();
  urls.push(store);
  return { stateDir, store };
};
const open = async (place: Place): Promise<Store> => {
  const store = await openStore(place, ports);
  stores.push(store);
  return store;
};
const save = (place: Place, more: object = {}) =>
  backUp({ ...place, file, withLogs: false, replace: true, version: '0.0.0-test', ...more });
const putBack = (place: Place, replace = false) => restore({ ...place, file, replace });

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'drover-backup-'));
  file = join(root, 'a.backup');
  urls = [];
  stores = [];
});
afterEach(async () => {
  await Promise.all(stores.map((store) => store.close()));
  for (const url of urls) await dropSchema(url);
  rmSync(root, { recursive: true, force: true });
});

async function fill(store: Store, model: RandomBatches, batches: number): Promise<void> {
  await Promise.all(Array.from({ length: batches }, () => store.commit(model.next())));
}

async function expectEqual(store: Store, model: RandomBatches): Promise<void> {
  for (const name of COLLECTION_NAMES) {
    const rows = (await store.load(name)).filter(({ id }) => id !== 'restored');
    expect(rows).toEqual(model.rows(name));
    if (name !== 'meta') expect(await store.maxSeq(name)).toBe(model.highest(name));
    else expect(await store.maxSeq(name)).toBeGreaterThan(model.highest(name));
  }
}

describe.each([
  ['sqlite', 'sqlite'],
  ['postgres', 'postgres'],
  ['sqlite', 'postgres'],
  ['postgres', 'sqlite'],
] as const)('from %s to %s', (from, to) => {
  it('gives every row of every collection back, above every epoch that was', async () => {
    const source = newPlace(from);
    const model = new RandomBatches(7, { versions: 1 });
    const store = await open(source);
    await fill(store, model, 30);
    writeFileSync(join(source.stateDir, 'admin.token'), 'drv_aaaaaaaaaaaaaaaaaaaaaaaa', { mode: 0o600 });
    const saved = await save(source);
    expect(saved.header).toMatchObject({ batch: 30, epoch: 1, store: from });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const target = newPlace(to);
    const done = await putBack(target);
    expect(done).toMatchObject({ rows: saved.rows, setAside: [] });
    const restored = await open(target);
    await expectEqual(restored, model);
    expect((await restored.last()).epoch).toBe(done.epoch);
    expect(done.epoch).toBeGreaterThan(1_700_000_000);
    expect(JSON.parse((await restored.get('meta', 'restored'))?.body ?? '').value).toContain('a.backup');
    expect(readFileSync(join(target.stateDir, 'admin.token'), 'utf8')).toBe('drv_aaaaaaaaaaaaaaaaaaaaaaaa');
    expect(readdirSync(target.stateDir).filter((name) => /draft|restoring/.test(name))).toEqual([]);
  });
});

it.each(['sqlite', 'postgres'] as const)(
  '%s: a backup beside a writing head is the state of one batch',
  async (kind) => {
    const source = newPlace(kind);
    const store = await open(source);
    let number = 0;
    let stop = false;
    // Each batch writes all of these rows: a mixture of two batches would show.
    const ids = Array.from({ length: 2_000 }, (_, index) => index + 1);
    const next = () => {
      number += 1;
      return store.commit(
        sampleBatch(
          number,
          ids.map((seq) => sampleRow(seq, { rev: number, v: 1, body: '{"spec":{}}' })),
        ),
      );
    };
    await next();
    const writing = (async () => {
      while (!stop) await next();
    })();
    for (let round = 0; round < 4; round++) {
      const { header } = await save(source);
      const revs = new Set<number>();
      await readBackup(file, (record) => {
        if (record.kind === 'row') revs.add(record.row.rev);
      });
      expect([...revs]).toEqual([header.batch]);
    }
    stop = true;
    await writing;
    expect(number).toBeGreaterThan(4);
  },
);

describe('D6: what cannot be restored is refused, and nothing is changed', () => {
  let source: Place;
  let target: Place;
  let before: string;
  const contents = () =>
    readdirSync(target.stateDir)
      .filter((name) => name !== 'drover.lock')
      .map((name) => `${name} ${statSync(join(target.stateDir, name)).mtimeMs}`)
      .join();
  beforeEach(async () => {
    source = newPlace('sqlite');
    const store = await open(source);
    await fill(store, new RandomBatches(3, { versions: 1 }), 20);
    await save(source);
    target = newPlace('sqlite');
    const own = await open(target);
    await own.commit(sampleBatch(1, [sampleRow(1)]));
    await own.close();
    before = contents();
  });
  const unpack = () => gunzipSync(readFileSync(file)).toString();
  const pack = (text: string) => writeFileSync(file, gzipSync(text));

  it.each<[string, () => void, RegExp]>([
    ['cut off', () => truncateSync(file, statSync(file).size - 20), /unexpected end of file/],
    [
      'cut in the middle',
      () => truncateSync(file, Math.floor(statSync(file).size / 2)),
      /unexpected end of file/,
    ],
    ['one byte is wrong', () => garble(file), /incorrect data|invalid|checksum|JSON|form|damaged/],
    ['without its end', () => pack(unpack().replace(/\{"end".*\n$/, '')), /its end is missing/],
    ['with a row changed', () => pack(unpack().replace('"default"', '"changed"')), /checksum is wrong/],
    ['with a row left out', () => pack(unpack().replace(/\["instances".*\n/, '')), /checksum is wrong/],
    ['no backup at all', () => writeFileSync(file, 'hello'), /incorrect header check/],
    ['another gzip', () => pack('hello\n'), /no JSON/],
    [
      'of a newer schema',
      () => pack(unpack().replace(/"schema":\d+/, '"schema":41')),
      /schema version 41.*up to 3\)/,
    ],
    ['of a newer form', () => pack(unpack().replace('"format":1', '"format":9')), /the format 9.*up to 1\)/],
    ['not there', () => rmSync(file), /there is no file/],
  ])('%s', async (_, damage, message) => {
    damage();
    await expect(putBack(target, true)).rejects.toThrow(message);
    expect(contents()).toBe(before);
  });

  it('a row of a newer program', async () => {
    const store = await open(newPlace('sqlite'));
    await store.commit(sampleBatch(1, [sampleRow(1, { v: 99 })]));
    const place = { stateDir: join(root, `state${places}`), store: null };
    await save(place);
    await expect(putBack(target, true)).rejects.toThrow(/version 99; this head knows up to/);
    expect(contents()).toBe(before);
  });

  it('a place where something is, unless it is to be set aside; and then it can be put back', async () => {
    await expect(putBack(target)).rejects.toThrow(/there is a state in .*drover\.db.*--replace/);
    expect(contents()).toBe(before);
    const { setAside } = await putBack(target, true);
    expect(setAside).toHaveLength(1);
    expect(readdirSync(setAside[0] ?? '')).toContain('drover.db');
    const old = await open({ stateDir: setAside[0] ?? '', store: null });
    expect(await old.load('instances')).toHaveLength(1);
  });

  it('a place where a head runs', async () => {
    const running = await open(target);
    await expect(putBack(target, true)).rejects.toThrow(/in use by another head/);
    await running.close();
    const place = newPlace('postgres');
    const head = await open(place);
    await head.commit(sampleBatch(1, [sampleRow(1)]));
    await expect(putBack(place, true)).rejects.toThrow(/in use by another head: drover head/);
    expect(await head.load('instances')).toHaveLength(1);
  });
});

it('a schema that is replaced keeps its tables under another name', async () => {
  const place = newPlace('postgres');
  const store = await open(place);
  await store.commit(sampleBatch(1, [sampleRow(1, { body: '{"spec":{}}', v: 1 })]));
  await save(place);
  await store.commit(sampleBatch(2, [sampleRow(2)]));
  await store.close();
  await expect(putBack(place)).rejects.toThrow(/--replace/);
  const { setAside } = await putBack(place, true);
  const old = /schema (\S+)/.exec(setAside.join())?.[1] ?? '';
  expect(await runSql(`SELECT count(*)::int AS n FROM ${old}.instances`)).toEqual([{ n: 2 }]);
  await runSql(`DROP SCHEMA ${old} CASCADE`);
  expect(await (await open(place)).load('instances')).toHaveLength(1);
  expect(schemaOf(place.store ?? '')).toMatch(/^t\d/);
});

it('D5: a head does not start where a restore was cut off, nor blank beside a state that lies elsewhere', async () => {
  const place = newPlace('postgres');
  const store = await open(place);
  await store.commit(sampleBatch(1, [sampleRow(1, { body: '{"spec":{}}', v: 1 })]));
  await save(place);
  await store.close();
  await expect(open({ ...place, store: null })).rejects.toThrow(/lies in PostgreSQL, at 127\.0\.0\.1/);
  await expect(save({ ...place, store: null })).rejects.toThrow(/lies in PostgreSQL.*--store/);
  const blank = { ...place, store: newPostgresUrl() };
  urls.push(blank.store);
  await expect(open(blank)).rejects.toThrow(/is blank, but the state of .* was at/);
  const local = newPlace('sqlite');
  await putBack(local);
  await expect(open({ ...local, store: newPostgresUrl() })).rejects.toThrow(
    /would not see it.*drover head backup/,
  );
  writeFileSync(join(local.stateDir, 'restoring.json'), '{"restoring":"/x/y"}\n');
  await expect(open(local)).rejects.toThrow(/restore of \/x\/y .* was cut off.*drover head restore \/x\/y/);
  await putBack(local, true);
  expect(await (await open(local)).load('instances')).toHaveLength(1);
});

it('logs come along when they are asked for, whole, and those of unknown instances are left', async () => {
  const source = newPlace('sqlite');
  const store = await open(source);
  const row = sampleRow(1, { body: '{"spec":{}}', v: 1 });
  await store.commit(sampleBatch(1, [row]));
  const blobs = openFolderBlobs({ dir: join(source.stateDir, 'blobs') });
  const text = Buffer.from(Array.from({ length: 700_000 }, (_, i) => i % 251));
  await blobs.put(`log/${row.id}/1`, text);
  await blobs.put(`log/${row.id}/2`, new Uint8Array());
  await blobs.put(`log/11111111-2222-4333-8444-555555555555/1`, text);
  await save(source, { withLogs: true });
  const target = newPlace('sqlite');
  expect(await putBack(target)).toMatchObject({ logs: 2 });
  const there = openFolderBlobs({ dir: join(target.stateDir, 'blobs') });
  const pieces: Uint8Array[] = [];
  for await (const piece of (await there.read(`log/${row.id}/1`, 0, 1_000_000)) ?? []) pieces.push(piece);
  expect(Buffer.concat(pieces).equals(text)).toBe(true);
  expect(await there.size(`log/${row.id}/2`)).toBe(0);
  expect(await there.size(`log/11111111-2222-4333-8444-555555555555/1`)).toBeNull();
});

it('a backup is there whole or not at all, and does not replace one unasked', async () => {
  const source = newPlace('sqlite');
  const store = await open(source);
  await store.commit(sampleBatch(1, [sampleRow(1)]));
  await save(source);
  await expect(save(source, { replace: false })).rejects.toThrow(/there already/);
  const folder = join(root, 'nowhere', 'b');
  await expect(save(source, { file: folder })).rejects.toThrow(/ENOENT/);
  mkdirSync(join(root, 'full'));
  expect(readdirSync(root).filter((name) => name.includes('partial'))).toEqual([]);
  expect(existsSync(folder)).toBe(false);
});

function garble(path: string): void {
  const bytes = readFileSync(path);
  const at = Math.floor(bytes.length / 2);
  bytes[at] = (bytes[at] ?? 0) ^ 0xff;
  writeFileSync(path, bytes);
}
