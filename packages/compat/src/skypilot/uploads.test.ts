/** Uploads on a real disk: parts that come again, heads that died in between, and what nobody ends. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DroverError } from '@drover/core';
import type { Files, Logger } from '@drover/engine';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ZipFile } from 'yazl';
import { Uploads } from './uploads.ts';

const log = { warn: () => undefined } as unknown as Logger;
let dir = '';
let room = Number.POSITIVE_INFINITY;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'drover-uploads-'));
  room = Number.POSITIVE_INFINITY;
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Keeps nothing, and has all. */
const files = {
  async putContent(bytes: AsyncIterable<Uint8Array>) {
    let size = 0;
    for await (const chunk of bytes) size += chunk.length;
    return { sha256: 'a'.repeat(64), size };
  },
  has: async () => true,
  putTree: async ({ entries }: { entries: readonly { path: string }[] }) => ({
    tree: entries.map(({ path }) => path).join(),
  }),
  async checkRoom(bytes: number) {
    if (bytes > room) throw new DroverError('FILES_FULL', { rule: 'no room' });
  },
} as unknown as Files;

async function* bytesOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** An archive of one file in three parts. */
async function parts(): Promise<Uint8Array[]> {
  const zip = new ZipFile();
  zip.addBuffer(Buffer.from('x'.repeat(10_000)), 'home/me/a', { compress: false });
  zip.end();
  const pieces: Buffer[] = [];
  for await (const piece of zip.outputStream) pieces.push(piece as Buffer);
  const all = Buffer.concat(pieces);
  return [all.subarray(0, 4_000), all.subarray(4_000, 8_000), all.subarray(8_000)];
}

const part = (index: number) => ({ user: 'u', id: 'b', index, count: 3 });

it('an upload whose head died while its parts were joined is joined again', async () => {
  const all = await parts();
  const uploads = new Uploads(dir, files, log);
  for (const at of [0, 1]) await uploads.take(part(at), bytesOf(all[at] as Uint8Array));
  // So the dead head left it: all parts, and half of what is made of them.
  const folder = join(dir, 'u', 'b.parts');
  writeFileSync(join(folder, '2'), all[2] as Uint8Array);
  writeFileSync(join(folder, 'archive'), Buffer.concat(all.slice(0, 2)));
  const next = new Uploads(dir, files, log);
  expect(await next.take(part(2), bytesOf(all[2] as Uint8Array))).toEqual([]);
  expect(await next.treesOf('u', 'b')('/home/me')).toBe('a');
  expect(readdirSync(join(dir, 'u'))).toEqual(['b.json']);
});

it('a part that comes again after the last one is answered, and kept nowhere', async () => {
  const all = await parts();
  const uploads = new Uploads(dir, files, log);
  for (const [at, bytes] of all.entries()) await uploads.take(part(at), bytesOf(bytes));
  expect(await uploads.take(part(1), bytesOf(all[1] as Uint8Array))).toEqual([]);
  expect(readdirSync(join(dir, 'u'))).toEqual(['b.json']);
});

it('an upload for which there is no room is refused, and takes none', async () => {
  const all = await parts();
  const uploads = new Uploads(dir, files, log);
  room = 0;
  await expect(uploads.take(part(0), bytesOf(all[0] as Uint8Array))).rejects.toMatchObject({
    code: 'FILES_FULL',
  });
  expect(readdirSync(join(dir, 'u', 'b.parts'))).toEqual([]);
});

it('an upload that nobody ended goes a day later, when another one begins', async () => {
  const all = await parts();
  const old = join(dir, 'v', 'c.parts');
  mkdirSync(old, { recursive: true });
  utimesSync(old, Date.now() / 1000 - 90_000, Date.now() / 1000 - 90_000);
  await new Uploads(dir, files, log).take(part(0), bytesOf(all[0] as Uint8Array));
  await vi.waitFor(() => expect(readdirSync(join(dir, 'v'))).toEqual([]));
});
