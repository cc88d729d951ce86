/** Blobs as files in a folder: `log/<uuid>/<n>` lies at `log/<first two characters>/<uuid>/<n>`. */

import { randomUUID } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, rmdir, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Slots } from '@drover/core';
import type { Blobs } from '@drover/engine';
import { ensurePrivateDir } from '../store/state-dir.ts';

const KEY =
  /^log\/([0-9a-f]{2})([0-9a-f]{6}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\/(0|[1-9][0-9]{0,8})$/;
const CHUNK_BYTES = 256 * 1024;
/** Uploads at once; the others wait for their turn. */
const MAX_PUTS = 16;
/** A delete may remove the empty folder between its making and its use. */
const PLACE_TRIES = 5;

/** Opens the folder, or makes it (0700), and removes what a crash left half written. */
export function openFolderBlobs(options: { dir: string }): Blobs {
  ensurePrivateDir(options.dir);
  const drafts = join(options.dir, 'tmp');
  rmSync(drafts, { recursive: true, force: true });
  mkdirSync(drafts, { mode: 0o700 });
  return new FolderBlobs(options.dir, drafts);
}

class FolderBlobs implements Blobs {
  readonly #dir: string;
  readonly #drafts: string;
  readonly #puts = new Slots(MAX_PUTS);

  constructor(dir: string, drafts: string) {
    this.#dir = dir;
    this.#drafts = drafts;
  }

  async put(key: string, bytes: AsyncIterable<Uint8Array> | Uint8Array): Promise<number> {
    const path = this.#path(key);
    return this.#puts.use(async () => {
      const draft = join(this.#drafts, randomUUID());
      try {
        const written = await writeDraft(draft, bytes);
        await this.#place(draft, path);
        return written;
      } catch (error) {
        await rm(draft, { force: true });
        throw error;
      }
    });
  }

  async read(key: string, offset: number, limit: number): Promise<AsyncIterable<Uint8Array> | null> {
    const path = this.#path(key);
    checkCount('offset', offset);
    checkCount('limit', limit);
    return (await sizeOf(path)) === null ? null : readFile(path, offset, limit);
  }

  async size(key: string): Promise<number | null> {
    return sizeOf(this.#path(key));
  }

  async delete(key: string): Promise<void> {
    const path = this.#path(key);
    if (!(await unlessMissing(unlink(path)))) return;
    const folder = dirname(path);
    if (await removedWhenEmpty(folder)) await removedWhenEmpty(dirname(folder));
  }

  /** Renames the draft to its place and syncs each folder that has a new entry. */
  async #place(draft: string, path: string): Promise<void> {
    const folder = dirname(path);
    for (let tries = 1; ; tries++) {
      const made = await mkdir(folder, { recursive: true, mode: 0o700 });
      try {
        await rename(draft, path);
        let entry = folder;
        await syncFolder(entry);
        const top = made === undefined ? folder : dirname(made);
        while (entry !== top && entry !== this.#dir) {
          entry = dirname(entry);
          await syncFolder(entry);
        }
        return;
      } catch (error) {
        if (codeOf(error) !== 'ENOENT' || tries === PLACE_TRIES) throw error;
      }
    }
  }

  /** @throws {TypeError} for anything but a key of the known form: so no key can leave the folder. */
  #path(key: string): string {
    const match = KEY.exec(key);
    if (!match) throw new TypeError(`'${key}' is not a blob key of the form log/<uuid>/<number>.`);
    const [, start = '', rest = '', number = ''] = match;
    return join(this.#dir, 'log', start, start + rest, number);
  }
}

async function writeDraft(draft: string, bytes: AsyncIterable<Uint8Array> | Uint8Array): Promise<number> {
  const file = await open(draft, 'wx', 0o600);
  try {
    let written = 0;
    for await (const chunk of bytes instanceof Uint8Array ? [bytes] : bytes) {
      await writeAll(file, chunk);
      written += chunk.byteLength;
    }
    await file.sync();
    return written;
  } finally {
    await file.close();
  }
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let done = 0; done < chunk.byteLength; )
    done += (await file.write(chunk, done, chunk.byteLength - done)).bytesWritten;
}

/** Opened with the first chunk, so that a stream that nobody reads holds no file; closed when the reader stops. */
async function* readFile(path: string, offset: number, limit: number): AsyncGenerator<Uint8Array> {
  const file = await open(path, 'r');
  try {
    let position = offset;
    let left = limit;
    while (left > 0) {
      // A fresh buffer each time: the reader may keep what it was given.
      const buffer = new Uint8Array(Math.min(left, CHUNK_BYTES));
      const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, position);
      if (bytesRead === 0) return;
      position += bytesRead;
      left -= bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

async function removedWhenEmpty(folder: string): Promise<boolean> {
  try {
    await rmdir(folder);
    return true;
  } catch (error) {
    if (['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(codeOf(error))) return false;
    throw error;
  }
}

async function unlessMissing(work: Promise<void>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function codeOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException).code);
}

function checkCount(name: string, value: number): void {
  if (!(value >= 0) || (!Number.isSafeInteger(value) && value !== Number.POSITIVE_INFINITY))
    throw new RangeError(`The ${name} must be a whole number from 0, not ${value}.`);
}
