import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Blobs } from '@drover/engine';
import { MemoryBlobs } from '@drover/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openFolderBlobs } from './folder-blobs.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'drover-blobs-'));
});
afterEach(() => rm(dir, { recursive: true }));

const bytes = (length: number) => Uint8Array.from({ length }, (_, index) => (index * 31) % 251);

async function readAll(blobs: Blobs, key: string, offset = 0, limit = Number.POSITIVE_INFINITY) {
  const stream = await blobs.read(key, offset, limit);
  if (!stream) return null;
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
}

async function* pieces(whole: Uint8Array, size: number) {
  for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size);
}

const openFilesIn = (folder: string) =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder);
    } catch {
      return false;
    }
  });

describe.each([
  ['folder', () => openFolderBlobs({ dir })],
  ['memory', () => new MemoryBlobs()],
])('blobs contract: %s', (_, make) => {
  const key = `log/${randomUUID()}/1`;
  let blobs: Blobs;
  beforeEach(() => {
    blobs = make();
  });

  it('has nothing at first', async () => {
    expect(await blobs.size(key)).toBeNull();
    expect(await blobs.read(key, 0, 10)).toBeNull();
    await blobs.delete(key);
  });

  it('gives back ranges of what was put, whole or streamed', async () => {
    const whole = bytes(700_000);
    expect(await blobs.put(key, pieces(whole, 99_991))).toBe(whole.length);
    expect(await blobs.size(key)).toBe(whole.length);
    expect(Buffer.compare((await readAll(blobs, key)) ?? whole.subarray(1), whole)).toBe(0);
    const middle = await readAll(blobs, key, 250_000, 300_000);
    expect(Buffer.compare(middle ?? whole, whole.subarray(250_000, 550_000))).toBe(0);
    expect(await readAll(blobs, key, 699_999, 50)).toEqual(whole.subarray(699_999));
    expect(await readAll(blobs, key, 900_000, 50)).toEqual(new Uint8Array());
    expect(await readAll(blobs, key, 0, 0)).toEqual(new Uint8Array());
    expect(await blobs.put(key, new Uint8Array())).toBe(0);
    expect(await readAll(blobs, key)).toEqual(new Uint8Array());
  });

  it('keeps the old value when a put fails half way', async () => {
    await blobs.put(key, bytes(10));
    async function* broken() {
      yield bytes(100_000);
      throw new Error('the link was cut');
    }
    await expect(blobs.put(key, broken())).rejects.toThrow('the link was cut');
    expect(await readAll(blobs, key)).toEqual(bytes(10));
  });

  it.each([
    '',
    'log',
    'log/../../etc/passwd',
    `log/${randomUUID()}`,
    `log/${randomUUID()}/`,
    `log/${randomUUID()}/01`,
    `log/${randomUUID()}/1/2`,
    `log/${randomUUID()}/-1`,
    `log/${randomUUID()}/1\n`,
    `log/${randomUUID().toUpperCase()}A/1`,
    `other/${randomUUID()}/1`,
    `/log/${randomUUID()}/1`,
  ])('refuses the key %j', async (bad) => {
    await expect(blobs.put(bad, bytes(1))).rejects.toThrow(TypeError);
    await expect(blobs.read(bad, 0, 1)).rejects.toThrow(TypeError);
    await expect(blobs.size(bad)).rejects.toThrow(TypeError);
    await expect(blobs.delete(bad)).rejects.toThrow(TypeError);
  });

  it('takes many puts at once', async () => {
    const keys = Array.from({ length: 60 }, (_, index) => `log/${randomUUID()}/${index + 1}`);
    await Promise.all(keys.map((each, index) => blobs.put(each, bytes(index))));
    for (const [index, each] of keys.entries()) expect(await blobs.size(each)).toBe(index);
  });
});

describe('folder blobs', () => {
  const id = randomUUID();

  it('lies fanned out, private, and leaves no empty folder and no draft', async () => {
    const blobs = openFolderBlobs({ dir });
    await blobs.put(`log/${id}/1`, bytes(5));
    await blobs.put(`log/${id}/2`, bytes(5));
    const path = join(dir, 'log', id.slice(0, 2), id, '1');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(dir, 'log'))).mode & 0o777).toBe(0o700);
    await blobs.delete(`log/${id}/1`);
    expect(await blobs.size(`log/${id}/2`)).toBe(5);
    await blobs.delete(`log/${id}/2`);
    expect(readdirSync(join(dir, 'log'))).toEqual([]);
    expect(readdirSync(join(dir, 'tmp'))).toEqual([]);
  });

  it('removes what a crash left half written', async () => {
    openFolderBlobs({ dir });
    const draft = join(dir, 'tmp', 'left');
    await writeFile(draft, 'half');
    openFolderBlobs({ dir });
    expect(existsSync(draft)).toBe(false);
  });

  it('closes the file when the reader stops early, and opens none for a stream that nobody reads', async () => {
    const blobs = openFolderBlobs({ dir });
    await blobs.put(`log/${id}/1`, bytes(2_000_000));
    expect(await blobs.read(`log/${id}/1`, 0, 10)).not.toBeNull();
    expect(openFilesIn(dir)).toEqual([]);
    for await (const chunk of (await blobs.read(`log/${id}/1`, 0, 2_000_000)) ?? []) {
      expect(chunk.length).toBe(256 * 1024);
      expect(openFilesIn(dir)).toHaveLength(1);
      break;
    }
    expect(openFilesIn(dir)).toEqual([]);
  });

  it('survives puts and deletes that race for one folder', async () => {
    const blobs = openFolderBlobs({ dir });
    await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        index % 2 === 0 ? blobs.put(`log/${id}/1`, bytes(3)) : blobs.delete(`log/${id}/1`),
      ),
    );
    await blobs.put(`log/${id}/1`, bytes(3));
    expect(await blobs.size(`log/${id}/1`)).toBe(3);
  });
});
