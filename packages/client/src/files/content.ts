/** Reads contents: whole or in parts, and notices when they change meanwhile. */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { lookOf, unreadable } from './walk.ts';

const CHUNK_BYTES = 256 * 1024;

/** The file is not what it was when it was listed or hashed: it is looked at again. */
export class Changed extends Error {
  readonly path: string;
  constructor(path: string) {
    super(`${path} has changed`);
    this.path = path;
  }
}

/** SHA-256 of a file that looks so before and after. @throws {Changed}, {DroverError} FILES_UNREADABLE */
export async function hashFile(full: string, look: string): Promise<string> {
  return await reading(full, async (file) => {
    const hash = createHash('sha256');
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, Number(look.split(' ')[0]) + 1));
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

async function reading<T>(full: string, read: (file: FileHandle) => Promise<T>): Promise<T> {
  let file: FileHandle | null = null;
  try {
    file = await open(full, 'r');
    return await read(file);
  } catch (error) {
    if (error instanceof Changed) throw error;
    // Listed a moment ago.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new Changed(full);
    throw unreadable(full, error);
  } finally {
    await file?.close();
  }
}
