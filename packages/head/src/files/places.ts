/** Where files lie in the head's folder, and how they get there: drafts, renames, room on the disk. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { type FileHandle, open, rename, rm, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DroverError, isSha256 } from '@drover/core';
import { ensurePrivateDir } from '../store/state-dir.ts';

/** What is left free for the database, whatever people send. */
const RESERVED_BYTES = 256 * 1024 * 1024;
const HEX = '0123456789abcdef';

/** The folders of one file store. */
export class Places {
  readonly dir: string;

  /** Opens the folder, or makes it (0700), and removes what a crash left half written. */
  constructor(dir: string) {
    this.dir = dir;
    ensurePrivateDir(dir);
    rmSync(join(dir, 'tmp'), { recursive: true, force: true });
    for (const name of ['tmp', 'journal', 'partial', 'content', 'trees'])
      mkdirSync(join(dir, name), { recursive: true, mode: 0o700 });
    for (const shard of this.shards())
      for (const name of ['content', 'trees']) mkdirSync(join(dir, name, shard), { recursive: true });
  }

  content(sha256: string): string {
    return this.#sharded('content', sha256);
  }

  tree(id: string): string {
    return this.#sharded('trees', id);
  }

  /** What has come of a large content. */
  partial(sha256: string): string {
    return join(this.dir, 'partial', checked(sha256));
  }

  get journal(): string {
    return join(this.dir, 'journal');
  }

  /** A file that is not there yet, on the same disk as all others. */
  draft(): string {
    return join(this.dir, 'tmp', randomUUID());
  }

  *shards(): Generator<string> {
    for (const a of HEX) for (const b of HEX) yield a + b;
  }

  /** @throws {DroverError} FILES_FULL when so many bytes more would leave too little for everything else */
  async checkRoom(bytes: number): Promise<void> {
    const { bavail, blocks, bsize } = await statfs(this.dir);
    const reserved = Math.min(RESERVED_BYTES, (blocks * bsize) / 10);
    if (bavail * bsize - bytes < reserved)
      throw new DroverError('FILES_FULL', {
        rule: `${Math.floor((bavail * bsize) / 2 ** 20)} MiB are free, and ${Math.floor(reserved / 2 ** 20)} are kept for its state`,
      });
  }

  #sharded(what: string, sha256: string): string {
    return join(this.dir, what, checked(sha256).slice(0, 2), sha256);
  }
}

/** @throws {TypeError} for anything but a hash: so no name can leave the folder. */
function checked(sha256: string): string {
  if (!isSha256(sha256)) throw new TypeError(`'${sha256}' is not a SHA-256`);
  return sha256;
}

/** A full disk in our words; any other error as it is. */
export function asFull(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  return new DroverError('FILES_FULL', { rule: (error as Error).message }, { cause: error });
}

/** Writes all of the chunk at the end of the file. */
export async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let done = 0; done < chunk.byteLength; )
    done += (await file.write(chunk, done, chunk.byteLength - done)).bytesWritten;
}

/** Moves a draft, already synced, to its place, for good. */
export async function placeDurably(draft: string, path: string): Promise<void> {
  await rename(draft, path);
  await syncFile(dirname(path));
}

/** Syncs a file or a folder; one that has gone needs none. */
export async function syncFile(path: string): Promise<void> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Runs `write` on a new draft; the draft goes when it fails. @throws {DroverError} FILES_FULL */
export async function withDraft<T>(
  places: Places,
  write: (file: FileHandle, path: string) => Promise<T>,
): Promise<T> {
  const path = places.draft();
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      return await write(file, path);
    } finally {
      await file.close();
    }
  } catch (error) {
    await rm(path, { force: true });
    throw asFull(error);
  }
}
