/** Archives as clients make them, and as nobody should. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Files } from '@drover/engine';
import { afterAll, describe, expect, it } from 'vitest';
import { ZipFile } from 'yazl';
import { entriesBelow, readArchive } from './upload-index.ts';

const folder = mkdtempSync(join(tmpdir(), 'drover-archive-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Keeps nothing; its hashes are real. */
const files = {
  async putContent(bytes: AsyncIterable<Uint8Array>) {
    const hash = createHash('sha256');
    let size = 0;
    for await (const chunk of bytes) {
      hash.update(chunk);
      size += chunk.length;
    }
    return { sha256: hash.digest('hex'), size };
  },
} as unknown as Files;

interface Item {
  readonly name: string;
  readonly text?: string;
  readonly mode?: number;
}

async function archive(items: readonly Item[], spoil: (bytes: Buffer) => Buffer = (bytes) => bytes) {
  const zip = new ZipFile();
  // What the writer refuses is put into the bytes afterwards.
  for (const { name, text = '', mode = 0o100644 } of items)
    zip.addBuffer(Buffer.from(text), name, { mode, compress: true });
  zip.end();
  const parts: Buffer[] = [];
  for await (const part of zip.outputStream) parts.push(part as Buffer);
  const path = join(folder, `${Math.random()}.zip`);
  writeFileSync(path, spoil(Buffer.concat(parts)));
  return await readArchive(files, path, statSync(path).size);
}

const renamed = (from: string, to: string) => (bytes: Buffer) =>
  Buffer.from(bytes.toString('latin1').replaceAll(from, to), 'latin1');

describe('an archive', () => {
  it('gives the tree of a folder in it, with modes and links', async () => {
    const index = await archive([
      { name: 'home/work/run.sh', text: 'echo', mode: 0o100755 },
      { name: 'home/work/deep/note', text: 'x' },
      { name: 'home/work/link', text: 'deep/note', mode: 0o120777 },
      { name: 'home/workshop/other', text: 'not of it' },
    ]);
    expect(entriesBelow(index, '/home/work')).toMatchObject([
      { path: 'run.sh', type: 'file', mode: 0o755, size: 4 },
      { path: 'deep/note', type: 'file', mode: 0o644, size: 1 },
      { path: 'link', type: 'link', target: 'deep/note' },
    ]);
  });

  it('gives the tree of one file', async () => {
    const index = await archive([{ name: 'home/data.csv', text: 'a,b', mode: 0o104755 }]);
    expect(entriesBelow(index, '/home/data.csv')).toMatchObject([
      { path: '', type: 'file', mode: 0o755, size: 3 },
    ]);
    expect(entriesBelow(index, '/home/none')).toBeNull();
  });

  it('may have a slash in front of its names', async () => {
    const index = await archive([{ name: 'xhome/a', text: '1' }], renamed('xhome', '/home'));
    expect([...index.keys()]).toEqual(['home/a']);
  });

  it.each([
    ['a way out', renamed('xx/a', '../a')],
    ['a way out behind a folder', renamed('home/xx/xx', 'home/../..')],
    ['an empty part', renamed('home/xx', 'home//x')],
  ])('with %s is refused', async (_, spoil) => {
    await expect(archive([{ name: 'xx/a' }, { name: 'home/xx/xx' }], spoil)).rejects.toMatchObject({
      code: 'FILES_REFUSED',
    });
  });

  it('with a device, a pipe or a socket is refused', async () => {
    for (const kind of [0o020000, 0o060000, 0o010000, 0o140000])
      await expect(archive([{ name: 'home/x', mode: kind | 0o644 }])).rejects.toMatchObject({
        code: 'FILES_REFUSED',
      });
  });

  it('that unpacks to more than its size allows is refused, and so is one that lies about it', async () => {
    const claim = (size: number) => (bytes: Buffer) => {
      bytes.writeUInt32LE(size, bytes.indexOf('PK\x01\x02', 0, 'latin1') + 24);
      return bytes;
    };
    const zeros = [{ name: 'home/zeros', text: '\0'.repeat(100_000) }];
    await expect(archive(zeros, claim(2 ** 31))).rejects.toMatchObject({ code: 'FILES_REFUSED' });
    await expect(archive(zeros, claim(10))).rejects.toMatchObject({ code: 'FILES_REFUSED' });
  });

  it('that is none is refused', async () => {
    await expect(archive([], () => Buffer.from('not a zip'))).rejects.toMatchObject({
      code: 'FILES_REFUSED',
    });
  });

  it('with a link that leads out of the folder is refused where the folder is used', async () => {
    const index = await archive([
      { name: 'home/work/a' },
      { name: 'home/work/away', text: '../other', mode: 0o120777 },
      { name: 'home/work/deep/far', text: '../../other', mode: 0o120777 },
    ]);
    expect(() => entriesBelow(index, '/home/work')).toThrow('away');
    expect(entriesBelow(index, '/home')).toHaveLength(3);
  });
});
