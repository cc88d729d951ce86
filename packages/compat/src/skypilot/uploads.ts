/**
 * What clients send: an archive in parts, of which contents and an index are kept. A task names what of it it needs, and
 * that becomes a tree. Both protocols: by content, and by a number of the client's own.
 */
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { DroverError, invalid, type TreeEntry } from '@drover/core';
import type { Files, Logger } from '@drover/engine';
import { entriesBelow, readArchive, type UploadIndex } from './upload-index.ts';

/** The older client sends parts of half a gibibyte. */
const MOST_PART_BYTES = 513 * 2 ** 20;
const MOST_PARTS = 2_000;
const DAY_MS = 86_400_000;
const SWEEP_MS = 3_600_000;
/** So often it is looked whether the disk has room. */
const ROOM_BYTES = 16 * 2 ** 20;
/** Uploads of one user whose contents may still be there are looked through, newest first. */
const MOST_INDEXES = 200;
const INDEX = '.json';
const PARTS = '.parts';
const ARCHIVE = 'archive';
/** Both name files here. */
const ID = /^[A-Za-z0-9_-]{1,128}$/;

/** One part of an upload. */
export interface Part {
  readonly user: string;
  readonly id: string;
  readonly index: number;
  readonly count: number;
}

export class Uploads {
  readonly #dir: string;
  readonly #files: Files;
  readonly #log: Logger;
  /** Uploads whose last part has come, until they are unpacked: two parts may end together. */
  readonly #finishing = new Map<string, Promise<void>>();
  #sweptMs = Number.NEGATIVE_INFINITY;

  constructor(dir: string, files: Files, log: Logger) {
    this.#dir = dir;
    this.#files = files;
    this.#log = log;
  }

  /** Whether all of it is here; then it stays for a day at least. */
  async has(user: string, id: string): Promise<boolean> {
    const index = await this.#read(user, id);
    if (index === null) return false;
    for (const entry of index.values())
      if (entry.sha256 !== undefined && !(await this.#files.has(entry.sha256))) return false;
    await utimes(this.#place(user, id, INDEX), new Date(), new Date());
    return true;
  }

  /** Takes one part; the last one completes the upload. @returns the numbers of those that are missing */
  async take(part: Part, body: AsyncIterable<Uint8Array>): Promise<number[]> {
    const { user, id, index, count } = part;
    if (!(count >= 1 && count <= MOST_PARTS)) throw invalid('total_chunks', `1 to ${MOST_PARTS}`, count);
    if (!(index >= 0 && index < count)) throw invalid('chunk_index', `0 to ${count - 1}`, index);
    const folder = this.#place(user, id, PARTS);
    // The answer to the last part was lost on its way, and the part is sent again.
    if (await this.has(user, id)) {
      for await (const _ of body);
      return [];
    }
    this.#sweepSometimes();
    await mkdir(folder, { recursive: true });
    const draft = join(folder, `${index}.${process.hrtime.bigint()}.draft`);
    try {
      // Opened before anything can fail: a stream that opens it later may make it when it is removed already.
      const file = await open(draft, 'wx');
      await pipeline(this.#limited(body), file.createWriteStream());
      await rename(draft, join(folder, String(index)));
    } catch (error) {
      await rm(draft, { force: true });
      throw (error as NodeJS.ErrnoException).code === 'ENOSPC'
        ? new DroverError('FILES_FULL', { rule: 'the disk is full' })
        : error;
    }
    const here = new Set(await readdir(folder));
    const missing = Array.from({ length: count }, (_, at) => at).filter((at) => !here.has(String(at)));
    if (missing.length > 0) return missing;
    const key = `${user}/${id}`;
    const finishing = this.#finishing.get(key) ?? this.#finish(part, folder);
    this.#finishing.set(key, finishing);
    await finishing.finally(() => this.#finishing.delete(key));
    return [];
  }

  /**
   * For one launch: the tree of what the client has at a path. Each upload is read once, however many paths are asked for.
   * @param blob null: among all that this user has sent, the newest first
   * @returns throws {DroverError} FILES_REFUSED, CONTENT_MISSING
   */
  treesOf(user: string, blob: string | null): (path: string) => Promise<string> {
    const read = new Map<string, Promise<UploadIndex | null>>();
    const indexOf = (id: string): Promise<UploadIndex | null> => {
      const index = read.get(id) ?? this.#read(user, id);
      read.set(id, index);
      return index;
    };
    let ids: Promise<readonly string[]> | null = null;
    return async (path) => {
      ids ??= blob === null ? this.#newest(user) : Promise.resolve([blob]);
      return await this.#treeAt(await ids, indexOf, path);
    };
  }

  async #treeAt(
    ids: readonly string[],
    indexOf: (id: string) => Promise<UploadIndex | null>,
    path: string,
  ): Promise<string> {
    for (const id of ids) {
      const index = await indexOf(id);
      const entries = index && entriesBelow(index, path);
      if (!entries) continue;
      return (await this.#files.putTree({ v: 1, entries })).tree;
    }
    throw new DroverError('FILES_REFUSED', {
      path,
      rule: 'it has not been uploaded, or too long ago: launch again',
    });
  }

  /** Lets go of what nobody can need any more: contents go after a day. */
  async sweep(): Promise<void> {
    for (const user of await namesIn(this.#dir))
      for (const name of await namesIn(join(this.#dir, user))) {
        const path = join(this.#dir, user, name);
        const found = await stat(path).catch(() => null);
        if (found && Date.now() - found.mtimeMs > DAY_MS) await rm(path, { recursive: true, force: true });
      }
  }

  /** All parts are here: one archive of them, then its index, then nothing else of it. */
  async #finish({ user, id, count }: Part, folder: string): Promise<void> {
    // Beside the parts, which stay as they came: a head that dies here begins again.
    const archive = join(folder, ARCHIVE);
    try {
      if (count === 1) await rename(join(folder, '0'), archive);
      else await this.#join(folder, count, archive);
      const { size } = await stat(archive);
      const index = await readArchive(this.#files, archive, size);
      const draft = this.#place(user, id, `.${process.hrtime.bigint()}.draft`);
      await writeFile(draft, [...index.values()].map((entry) => JSON.stringify(entry)).join('\n'));
      await rename(draft, this.#place(user, id, INDEX));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async #join(folder: string, count: number, archive: string): Promise<void> {
    const target = await open(archive, 'w');
    try {
      for (let at = 0; at < count; at++) {
        const part = join(folder, String(at));
        await this.#files.checkRoom((await stat(part)).size);
        for await (const chunk of createReadStream(part)) await target.writeFile(chunk as Uint8Array);
      }
    } finally {
      await target.close();
    }
  }

  async *#limited(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    let bytes = 0;
    let left = 0;
    for await (const chunk of body) {
      bytes += chunk.length;
      left -= chunk.length;
      if (bytes > MOST_PART_BYTES) throw new DroverError('BODY_TOO_LARGE', { limit: MOST_PART_BYTES });
      if (left < 0) await this.#files.checkRoom(ROOM_BYTES);
      if (left < 0) left = ROOM_BYTES;
      yield chunk;
    }
  }

  /** Also where nobody ever ends what was begun. */
  #sweepSometimes(): void {
    if (performance.now() - this.#sweptMs < SWEEP_MS) return;
    this.#sweptMs = performance.now();
    this.sweep().catch((err: unknown) => this.#log.warn({ err }, 'old uploads could not be removed'));
  }

  async #read(user: string, id: string): Promise<UploadIndex | null> {
    const text = await readFile(this.#place(user, id, INDEX), 'utf8').catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return null;
        throw error;
      },
    );
    if (text === null) return null;
    const entries = text === '' ? [] : text.split('\n').map((line) => JSON.parse(line) as TreeEntry);
    return new Map(entries.map((entry) => [entry.path, entry]));
  }

  async #newest(user: string): Promise<string[]> {
    const names = (await namesIn(join(this.#dir, checked('user_hash', user)))).filter((name) =>
      name.endsWith(INDEX),
    );
    const aged = await Promise.all(
      names.map(async (name) => ({ name, at: (await stat(join(this.#dir, user, name))).mtimeMs })),
    );
    return aged
      .sort((a, b) => b.at - a.at)
      .slice(0, MOST_INDEXES)
      .map(({ name }) => name.slice(0, -INDEX.length));
  }

  #place(user: string, id: string, ending: string): string {
    return join(this.#dir, checked('user_hash', user), `${checked('upload_id', id)}${ending}`);
  }
}

function checked(field: string, id: string): string {
  if (!ID.test(id)) throw invalid(field, 'letters, digits, - and _, at most 128', id);
  return id;
}

const namesIn = async (folder: string): Promise<string[]> =>
  await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw error;
  });
