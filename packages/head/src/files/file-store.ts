/** The files that people send, by content, in a folder of the head: contents, trees, and what becomes of them. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, rm, stat, utimes } from 'node:fs/promises';
import {
  byPath,
  DroverError,
  invalid,
  PACKED_BYTES,
  type PackItem,
  packHeader,
  TreeCheck,
  type TreeEntry,
  type TreeManifest,
  TreeWriter,
} from '@drover/core';
import type { Files, Logger } from '@drover/engine';
import { Journal } from './journal.ts';
import { Places, placeDurably, withDraft, writeAll } from './places.ts';
import { Presence } from './presence.ts';
import { type Swept, sweepFiles } from './sweep.ts';
import { Uploads } from './uploads.ts';

/** Entries whose contents are looked for at once. */
const BATCH = 2_000;
/** Missing contents that an error names. */
const MOST_NAMED = 10_000;
const WRITE_BYTES = 256 * 1024;
const READS_AT_ONCE = 8;

export interface StoredTree {
  readonly tree: string;
  readonly files: number;
  readonly bytes: number;
}

/** Opens the folder, which is made when missing, and mends what a crash left. */
export async function openFileStore(options: { dir: string; log: Logger }): Promise<FileStore> {
  const store = new FileStore(options.dir, options.log);
  await store.journal.replay();
  return store;
}

export class FileStore implements Files {
  readonly journal: Journal;
  readonly uploads: Uploads;
  readonly #places: Places;
  readonly #presence: Presence;
  #waiting: { items: PackItem[]; written: Promise<void> } | null = null;
  #writing: Promise<void> = Promise.resolve();

  /** Use {@link openFileStore}. */
  constructor(dir: string, log: Logger) {
    this.#places = new Places(dir);
    this.#presence = new Presence(this.#places);
    this.journal = new Journal(this.#places, this.#presence, log);
    this.uploads = new Uploads(this.#places, this.#presence);
  }

  /** Those of the hashes whose contents are not here. What is here stays for a day at least. */
  async missing(hashes: readonly string[]): Promise<string[]> {
    const sizes = await this.#presence.sizes(hashes);
    return hashes.filter((_, at) => sizes[at] === null);
  }

  async has(sha256: string): Promise<boolean> {
    return (await this.size(sha256)) !== null;
  }

  checkRoom(bytes: number): Promise<void> {
    return this.#places.checkRoom(bytes);
  }

  /** Bytes of a content, null when it is not here. */
  size(sha256: string): Promise<number | null> {
    return this.#presence.size(sha256);
  }

  /** Keeps the contents of a pack that are not here yet. @throws {DroverError} CONTENT_MISMATCH, FILES_FULL */
  async putPack(items: AsyncIterable<PackItem>): Promise<{ files: number; bytes: number }> {
    const taken = new Map<string, Uint8Array>();
    let files = 0;
    let bytes = 0;
    for await (const item of items) {
      if (createHash('sha256').update(item.bytes).digest('hex') !== item.sha256)
        throw new DroverError('CONTENT_MISMATCH', { sha256: item.sha256, rule: 'its hash is another' });
      // A copy: the bytes are a window on what was received, which would stay as long as they do.
      taken.set(item.sha256, item.bytes.slice());
      files += 1;
      bytes += item.bytes.length;
    }
    await this.#writeNew([...taken].map(([sha256, content]) => ({ sha256, bytes: content })));
    return { files, bytes };
  }

  async putContent(bytes: AsyncIterable<Uint8Array>): Promise<{ sha256: string; size: number }> {
    const hash = createHash('sha256');
    const chunks = bytes[Symbol.asyncIterator]();
    const first: Uint8Array[] = [];
    let size = 0;
    for (let next = await chunks.next(); size <= PACKED_BYTES; next = await chunks.next()) {
      if (next.done) {
        const sha256 = hash.digest('hex');
        await this.#writeSoon({ sha256, bytes: Buffer.concat(first) });
        return { sha256, size };
      }
      hash.update(next.value);
      size += next.value.length;
      first.push(next.value);
      if (size > PACKED_BYTES) break;
    }
    return await withDraft(this.#places, async (file, draft) => {
      for (const chunk of first) await writeAll(file, chunk);
      for (let next = await chunks.next(); !next.done; next = await chunks.next()) {
        await this.#places.checkRoom(next.value.length);
        hash.update(next.value);
        size += next.value.length;
        await writeAll(file, next.value);
      }
      await file.sync();
      const sha256 = hash.digest('hex');
      await placeDurably(draft, this.#places.content(sha256));
      this.#presence.note(sha256, size);
      return { sha256, size };
    });
  }

  putTree(manifest: TreeManifest): Promise<StoredTree> {
    return this.putEntries([...manifest.entries].sort(byPath));
  }

  /** @throws {DroverError} INVALID_REQUEST, CONTENT_MISSING, FILES_FULL */
  async putEntries(entries: AsyncIterable<unknown> | Iterable<unknown>): Promise<StoredTree> {
    const check = new TreeCheck();
    const missing = new Set<string>();
    let count = 0;
    const checked = async function* (store: FileStore): AsyncGenerator<TreeEntry[]> {
      let batch: TreeEntry[] = [];
      for await (const value of entries) {
        batch.push(check.take(value));
        if (batch.length < BATCH) continue;
        yield await store.#checkContents(batch, count, missing);
        count += batch.length;
        batch = [];
      }
      check.end();
      yield await store.#checkContents(batch, count, missing);
    };
    const tree = await this.#writeTree(checked(this), () => {
      if (missing.size > 0)
        throw new DroverError('CONTENT_MISSING', {
          count: missing.size,
          missing: [...missing].slice(0, MOST_NAMED),
        });
    });
    return { tree, files: check.files, bytes: check.bytes };
  }

  async hasTree(tree: string): Promise<boolean> {
    return (await statOf(this.#places.tree(tree))) !== null;
  }

  async readTree(tree: string): Promise<TreeManifest | null> {
    try {
      return JSON.parse(await readFile(this.#places.tree(tree), 'utf8')) as TreeManifest;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  }

  /** The canonical text, with its length. Null: there is none. */
  async treeStream(tree: string): Promise<{ size: number; bytes: AsyncIterable<Uint8Array> } | null> {
    const path = this.#places.tree(tree);
    const found = await statOf(path);
    return found && { size: found.size, bytes: createReadStream(path) };
  }

  async readContent(sha256: string): Promise<AsyncIterable<Uint8Array> | null> {
    return this.contentFrom(sha256, 0);
  }

  /** The bytes of a content from `offset` on. */
  async contentFrom(sha256: string, offset: number): Promise<AsyncIterable<Uint8Array> | null> {
    if (!(await this.has(sha256))) return null;
    return createReadStream(this.#places.content(sha256), { start: offset, highWaterMark: 256 * 1024 });
  }

  /** A pack of small contents, which are here. @throws when one has gone meanwhile */
  async *packOf(hashes: readonly string[]): AsyncGenerator<Uint8Array> {
    const read = async (sha256: string): Promise<Uint8Array> => {
      const path = this.#places.content(sha256);
      const bytes = await readFile(path).catch((error: unknown) => {
        this.#presence.forget(sha256);
        throw error;
      });
      if (createHash('sha256').update(bytes).digest('hex') === sha256) return bytes;
      // Damaged on the disk: once it is gone it is asked for again, of whoever has it.
      await rm(path, { force: true });
      this.#presence.forget(sha256);
      throw new Error(`the content ${sha256} was damaged on the disk, and is gone`);
    };
    for (let at = 0; at < hashes.length; at += READS_AT_ONCE) {
      const some = hashes.slice(at, at + READS_AT_ONCE);
      const contents = await Promise.all(some.map(read));
      for (const [index, bytes] of contents.entries()) {
        yield packHeader(some[index] as string, bytes.length);
        yield bytes;
      }
    }
  }

  /**
   * Lets go of trees that nobody needs and of contents that no tree holds, each a day after it was last sent or asked for.
   * @param isNeeded whether something still names the tree
   */
  sweep(isNeeded: (tree: string) => boolean): Promise<Swept> {
    return sweepFiles(this.#places, this.#presence, isNeeded);
  }

  close(): Promise<void> {
    return this.journal.close();
  }

  async #checkContents(batch: TreeEntry[], first: number, missing: Set<string>): Promise<TreeEntry[]> {
    const files = batch.flatMap((entry, at) => (entry.type === 'file' ? [{ entry, at: first + at }] : []));
    const sizes = await this.#presence.sizes(files.map(({ entry }) => entry.sha256 as string));
    for (const [at, file] of files.entries()) {
      const size = sizes[at];
      if (size === null) missing.add(file.entry.sha256 as string);
      else if (size !== file.entry.size)
        throw invalid(`entries.${file.at}.size`, `that content has ${size} bytes`, file.entry.size);
    }
    return batch;
  }

  async #writeTree(batches: AsyncIterable<TreeEntry[]>, check: () => void): Promise<string> {
    const hash = createHash('sha256');
    return await withDraft(this.#places, async (file, draft) => {
      let text = '';
      const flush = async (): Promise<void> => {
        const bytes = Buffer.from(text);
        text = '';
        hash.update(bytes);
        await writeAll(file, bytes);
      };
      for await (const piece of textOf(batches)) {
        text += piece;
        if (text.length > WRITE_BYTES) await flush();
      }
      await flush();
      check();
      const tree = hash.digest('hex');
      const place = this.#places.tree(tree);
      // Sent again: it stays for another day.
      if ((await statOf(place)) !== null) await utimes(place, new Date(), new Date());
      await file.sync();
      await placeDurably(draft, place);
      return tree;
    });
  }

  async #writeNew(items: readonly PackItem[]): Promise<void> {
    const missing = new Set(await this.missing(items.map(({ sha256 }) => sha256)));
    await this.journal.write(items.filter(({ sha256 }) => missing.has(sha256)));
  }

  /** With all others that come while an earlier write is under way. */
  #writeSoon(item: PackItem): Promise<void> {
    if (this.#waiting) {
      this.#waiting.items.push(item);
      return this.#waiting.written;
    }
    const items = [item];
    const written = this.#writing
      .catch(() => undefined)
      .then(() => {
        this.#waiting = null;
        return this.#writeNew(items);
      });
    this.#waiting = { items, written };
    this.#writing = written;
    return written;
  }
}

async function* textOf(batches: AsyncIterable<TreeEntry[]>): AsyncGenerator<string> {
  const writer = new TreeWriter();
  for await (const batch of batches) for (const entry of batch) yield writer.entry(entry);
  yield writer.end();
}

async function statOf(path: string): Promise<{ size: number } | null> {
  try {
    return await stat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
