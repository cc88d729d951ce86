/** Reads contents: whole or in parts, and notices when they change meanwhile. */
import type { FileHandle } from 'node:fs/promises';
import { closeSync, createHash, fstatSync, open, openSync, readSync, turn } from './node.ts';
import { lookOf, unreadable } from './walk.ts';

const CHUNK_BYTES = 256 * 1024;
/** Files of at most so many bytes are read in one go, without a thread: five times as fast for the many small ones. */
const AT_ONCE_BYTES = 64 * 1024;
/** How long other work of the program may have to wait. */
const SLICE_MS = 10;

/** The file is not what it was when it was listed or hashed: it is looked at again. */
export class Changed extends Error {
  readonly path: string;
  constructor(path: string) {
    super(`${path} has changed`);
    this.path = path;
  }
}

/** SHA-256 of a file that looks so before and after. @throws {Changed}, {DroverError} FILES_UNREADABLE */
export async function hashFile(full: string, look: string, size: number): Promise<string> {
  const hash = createHash('sha256');
  if (size <= AT_ONCE_BYTES) {
    hash.update(await readSmall(full, size, look));
    return hash.digest('hex');
  }
  return await reading(full, async (file) => {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    if (lookOf(await file.stat({ bigint: true })) !== look) throw new Changed(full);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) break;
      hash.update(buffer.subarray(0, bytesRead));
    }
    if (lookOf(await file.stat({ bigint: true })) !== look) throw new Changed(full);
    return hash.digest('hex');
  });
}

/** So many bytes from there. @throws {Changed} when there are fewer */
export async function readPart(
  full: string,
  offset: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  if (offset === 0 && length <= AT_ONCE_BYTES) return await readSmall(full, length, null);
  return await reading(full, async (file) => {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      const { bytesRead } = await file.read(bytes, at, length - at, offset + at);
      if (bytesRead === 0) throw new Changed(full);
      at += bytesRead;
    }
    return bytes;
  });
}

let sliceMs = 0;

/** @param look of the file before and after; null: whatever it is */
async function readSmall(full: string, size: number, look: string | null): Promise<Uint8Array<ArrayBuffer>> {
  if (performance.now() - sliceMs > SLICE_MS) {
    await turn();
    sliceMs = performance.now();
  }
  const bytes = new Uint8Array(size);
  let fd: number | null = null;
  const check = (): void => {
    if (look !== null && lookOf(fstatSync(fd as number, { bigint: true })) !== look) throw new Changed(full);
  };
  try {
    fd = openSync(full, 'r');
    check();
    for (let at = 0; at < size; ) {
      const count = readSync(fd, bytes, at, size - at, at);
      if (count === 0) throw new Changed(full);
      at += count;
    }
    check();
    return bytes;
  } catch (error) {
    throw inOurWords(full, error);
  } finally {
    if (fd !== null) closeSync(fd);
  }
}

async function reading<T>(full: string, read: (file: FileHandle) => Promise<T>): Promise<T> {
  let file: FileHandle | null = null;
  try {
    file = await open(full, 'r');
    return await read(file);
  } catch (error) {
    throw inOurWords(full, error);
  } finally {
    await file?.close();
  }
}

/** One that has gone was listed a moment ago: it has changed. */
function inOurWords(full: string, error: unknown): unknown {
  if (error instanceof Changed) return error;
  return (error as NodeJS.ErrnoException).code === 'ENOENT' ? new Changed(full) : unreadable(full, error);
}
