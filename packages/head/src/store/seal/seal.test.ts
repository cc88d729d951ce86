import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CollectionName, StoredRow } from '@drover/engine';
import { MemoryStore, storeContract } from '@drover/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sealing } from './sealing-store.ts';
import { secretsKey } from './secrets-key.ts';

const KEY = Buffer.alloc(32, 7);
const SECRET = 'hunter2-"{}\\ü';

const row = (collection: CollectionName, body: object, id = 'a'): StoredRow => ({
  id,
  seq: 1,
  project: 'default',
  name: null,
  status: collection === 'jobs' ? 'PENDING' : 'RUNNING',
  owner: null,
  rev: 1,
  v: 1,
  body: JSON.stringify(body),
});
const job = { task: { run: 'x', envs: { A: 'b' }, secrets: { KEY: SECRET, EMPTY: '' } } };
const instance = { spec: { command: 'x', node: { home: 'h', context: { KEY: SECRET } } } };

storeContract('sealed', async () => {
  let memory = new MemoryStore();
  return {
    store: sealing(memory, KEY, 'x'),
    async reopen() {
      await memory.close();
      memory = memory.crash();
      return sealing(memory, KEY, 'x');
    },
    destroy: () => memory.close(),
  };
});

describe('secrets in the store', () => {
  let memory: MemoryStore;
  let number: number;
  beforeEach(() => {
    memory = new MemoryStore();
    number = 0;
  });
  const put = (key: Buffer | null, collection: CollectionName, stored: StoredRow): Promise<void> => {
    const store = key ? sealing(memory, key, 'x') : memory;
    number += 1;
    return store.commit({ number, epoch: 1, changes: [{ op: 'put', collection, row: stored }] });
  };
  const kept = async (collection: CollectionName): Promise<string> =>
    (await memory.load(collection))[0]?.body ?? '';

  it.each([
    ['jobs', job],
    ['instances', instance],
  ] as const)('of %s are sealed, and come back by every way as they were', async (collection, body) => {
    const stored = row(collection, body);
    await put(KEY, collection, stored);
    expect(await kept(collection)).toContain('{"$sealed":"v1.');
    expect(await kept(collection)).not.toMatch(/hunter2|EMPTY/);
    const store = sealing(memory, KEY, 'x');
    const [loaded] = await store.load(collection);
    const [paged] = await store.page({ collection, limit: 10 });
    for (const found of [loaded, paged, await store.get(collection, 'a')])
      expect(JSON.parse(found?.body ?? 'null')).toEqual(body);
  });

  it('are another text each time', async () => {
    await put(KEY, 'jobs', row('jobs', job));
    const first = await kept('jobs');
    await put(KEY, 'jobs', row('jobs', job));
    expect(await kept('jobs')).not.toBe(first);
  });

  it('that an older head has written in clear are read, and sealed when they are written again', async () => {
    await put(null, 'jobs', row('jobs', job));
    const [read] = await sealing(memory, KEY, 'x').load('jobs');
    expect(JSON.parse(read?.body ?? '')).toEqual(job);
    await put(KEY, 'jobs', read as StoredRow);
    expect(await kept('jobs')).not.toContain('hunter2');
  });

  it('cannot be opened with another key, nor in another row, nor when they were changed', async () => {
    await put(KEY, 'jobs', row('jobs', job));
    const refused = {
      failure: 'fatal',
      message: expect.stringMatching(/secrets in x \(jobs\/.\).* secrets\.key/),
    };
    await expect(sealing(memory, Buffer.alloc(32, 8), 'x').load('jobs')).rejects.toMatchObject(refused);
    const stored = await kept('jobs');
    for (const [id, body] of [
      ['b', stored],
      ['a', stored.replace(/v1\.(.{40}).../, 'v1.$1AAA')],
      ['a', stored.replace('v1.', 'v9.')],
      ['a', stored.replace(/v1\.[^"]*/, 'v1.')],
    ] as const) {
      memory = new MemoryStore();
      number = 0;
      await put(null, 'jobs', { ...row('jobs', {}, id), body });
      await expect(sealing(memory, KEY, 'x').load('jobs')).rejects.toMatchObject(refused);
    }
  });

  it('are all that is changed: what only looks like them stays as it was written', async () => {
    const texts = [
      { task: { run: 'x', secrets: {}, envs: { A: '{"$sealed":"v1.x"}' } } },
      { task: { run: '"secrets":{"A":"b"}', secrets: {} } },
      { task: null },
    ];
    for (const body of texts) {
      const stored = row('jobs', body);
      await put(KEY, 'jobs', stored);
      expect(await kept('jobs')).toBe(stored.body);
      expect((await sealing(memory, KEY, 'x').load('jobs'))[0]?.body).toBe(stored.body);
    }
    await put(KEY, 'instances', row('instances', { spec: { node: null, env: { context: 'x' } } }));
    expect(await kept('instances')).not.toContain('$sealed');
  });
});

describe('the key', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'drover-seal-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  it('is made once, for its owner alone', () => {
    const key = secretsKey(dir);
    expect([key.length, secretsKey(dir).equals(key)]).toEqual([32, true]);
    expect(statSync(join(dir, 'secrets.key')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(dir, 'secrets.key'), 'utf8')).toBe(`${key.toString('base64url')}\n`);
  });

  it('is not used when others can read it, or when it is none', () => {
    secretsKey(dir);
    chmodSync(join(dir, 'secrets.key'), 0o640);
    expect(() => secretsKey(dir)).toThrow(/can be read by others \(mode 0640\)\. Run: chmod 600/);
    writeFileSync(join(dir, 'secrets.key'), 'short');
    chmodSync(join(dir, 'secrets.key'), 0o600);
    expect(() => secretsKey(dir)).toThrow(/holds no key/);
  });
});
