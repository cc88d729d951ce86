/** Large contents, which come in parts: what has come stays, and an upload that was cut goes on from there. */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';
import { DroverError } from '@drover/core';
import { asFull, type Places, placeDurably, writeAll } from './places.ts';
import type { Presence } from './presence.ts';

/** Running hashes that are kept between two parts; of others the file is read once more. */
const MOST_HASHES = 64;

/** Where a part stands in its content. */
export interface Part {
  readonly sha256: string;
  readonly offset: number;
  /** Bytes of the whole content. */
  readonly size: number;
}

export class Uploads {
  readonly #places: Places;
  readonly #presence: Presence;
  readonly #hashes = new Map<string, { readonly hash: Hash; readonly bytes: number }>();
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(places: Places, presence: Presence) {
    this.#places = places;
    this.#presence = presence;
  }

  /**
   * Takes one part; two of one content wait for each other. What comes before a cut stays.
   * @returns the bytes that are here now
   * @throws {DroverError} CONTENT_OFFSET (with where to go on), CONTENT_MISMATCH, FILES_FULL
   */
  take(part: Part, bytes: AsyncIterable<Uint8Array>): Promise<number> {
    const before = this.#turns.get(part.sha256) ?? Promise.resolve();
    const turn = before.catch(() => undefined).then(() => this.#take(part, bytes));
    this.#turns.set(part.sha256, turn);
    const done = (): void => {
      if (this.#turns.get(part.sha256) === turn) this.#turns.delete(part.sha256);
    };
    turn.then(done, done);
    return turn;
  }

  async #take(part: Part, bytes: AsyncIterable<Uint8Array>): Promise<number> {
    const { sha256, size } = part;
    const here = await this.#presence.size(sha256);
    if (here !== null) {
      await drain(bytes);
      if (here !== size) throw mismatch(sha256, `it has ${here} bytes, not ${size}`);
      return here;
    }
    const path = this.#places.partial(sha256);
    const stored = await sizeOf(path);
    if (stored !== part.offset || stored > size) {
      await drain(bytes);
      if (stored > size) await rm(path, { force: true });
      throw new DroverError('CONTENT_OFFSET', { offset: stored > size ? 0 : stored });
    }
    await this.#places.checkRoom(size - stored);
    const now = await this.#append(path, part, bytes);
    if (now < size) return now;
    await this.#finish(path, part);
    return size;
  }

  async #append(path: string, { sha256, offset, size }: Part, bytes: AsyncIterable<Uint8Array>) {
    let known = this.#hashes.get(sha256);
    this.#hashes.delete(sha256);
    if (offset === 0) known = { hash: createHash('sha256'), bytes: 0 };
    const hash = known?.bytes === offset ? known.hash : null;
    let at = offset;
    const file = await open(path, 'a', 0o600);
    try {
      for await (const chunk of bytes) {
        if (at + chunk.length > size) throw mismatch(sha256, `more than the ${size} bytes that were said`);
        await writeAll(file, chunk);
        hash?.update(chunk);
        at += chunk.length;
      }
      if (at === size) await file.sync();
    } catch (error) {
      // Also of a write that failed half way: how much is there is asked of the file.
      if ((error as { code?: string }).code === 'CONTENT_MISMATCH') await rm(path, { force: true });
      throw asFull(error);
    } finally {
      await file.close();
    }
    if (hash) this.#remember(sha256, { hash, bytes: at });
    return at;
  }

  async #finish(path: string, { sha256, size }: Part): Promise<void> {
    let hash = this.#hashes.get(sha256)?.hash ?? null;
    this.#hashes.delete(sha256);
    if (hash === null) {
      hash = createHash('sha256');
      for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(chunk);
    }
    if (hash.digest('hex') !== sha256) {
      await rm(path, { force: true });
      throw mismatch(sha256, 'its hash is another');
    }
    await placeDurably(path, this.#places.content(sha256));
    this.#presence.note(sha256, size);
  }

  #remember(sha256: string, known: { hash: Hash; bytes: number }): void {
    this.#hashes.set(sha256, known);
    for (const oldest of this.#hashes.keys()) {
      if (this.#hashes.size <= MOST_HASHES) break;
      this.#hashes.delete(oldest);
    }
  }
}

const mismatch = (sha256: string, rule: string): DroverError =>
  new DroverError('CONTENT_MISMATCH', { sha256, rule });

async function drain(bytes: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of bytes);
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}
