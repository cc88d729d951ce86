/**
 * Many small contents made durable by one sync: they are written as one pack, which is synced, and then each to its own
 * place, which is not. Later, when the kernel has written those by itself, they are synced one by one, and the pack goes.
 * A head that starts writes what such packs hold again.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type PackItem, packHeader, readPack } from '@drover/core';
import type { Logger } from '@drover/engine';
import { asFull, type Places, placeDurably, syncFile, withDraft, writeAll } from './places.ts';
import type { Presence } from './presence.ts';

/** Longer than the kernel keeps written pages to itself (30 s). */
const SETTLE_MS = 60_000;
const WRITES_AT_ONCE = 16;

export class Journal {
  readonly #places: Places;
  readonly #presence: Presence;
  readonly #log: Logger;
  #unsettled: string[] = [];
  #timer: NodeJS.Timeout | null = null;
  #settling: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(places: Places, presence: Presence, log: Logger) {
    this.#places = places;
    this.#presence = presence;
    this.#log = log;
  }

  /** Durable when it resolves. The hashes are right already. @throws {DroverError} FILES_FULL */
  async write(items: readonly PackItem[]): Promise<void> {
    if (items.length === 0) return;
    const bytes = items.reduce((sum, item) => sum + item.bytes.length, 0);
    await this.#places.checkRoom(2 * bytes);
    const path = join(this.#places.journal, randomUUID());
    const draft = await withDraft(this.#places, async (file, name) => {
      await writeAll(
        file,
        Buffer.concat(items.flatMap((item) => [packHeader(item.sha256, item.bytes.length), item.bytes])),
      );
      await file.sync();
      return name;
    });
    await placeDurably(draft, path);
    try {
      await this.#place(items);
    } finally {
      this.#settleLater(path);
    }
  }

  /** At the start: what may have been lost with the power is written again. */
  async replay(): Promise<void> {
    for (const name of await readdir(this.#places.journal)) {
      const path = join(this.#places.journal, name);
      try {
        let items: PackItem[] = [];
        for await (const { sha256, bytes } of readPack(createReadStream(path))) {
          if (createHash('sha256').update(bytes).digest('hex') === sha256) items.push({ sha256, bytes });
          if (items.length < 500) continue;
          await this.#place(items);
          items = [];
        }
        await this.#place(items);
        this.#settleLater(path);
      } catch (err) {
        this.#log.warn(
          { path, err },
          'a pack of files cannot be read again; what it held may have to be sent again',
        );
        this.#settleLater(path);
      }
    }
  }

  /** What is unsettled is settled by the next head. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer) clearTimeout(this.#timer);
    await this.#settling;
  }

  async #place(items: readonly PackItem[]): Promise<void> {
    const todo = [...items];
    const lane = async (): Promise<void> => {
      for (let item = todo.pop(); item !== undefined; item = todo.pop()) {
        const draft = this.#places.draft();
        try {
          await writeFile(draft, item.bytes, { mode: 0o600, flag: 'wx' });
          await rename(draft, this.#places.content(item.sha256));
        } catch (error) {
          await rm(draft, { force: true });
          throw asFull(error);
        }
        this.#presence.note(item.sha256, item.bytes.length);
      }
    };
    await Promise.all(Array.from({ length: WRITES_AT_ONCE }, lane));
  }

  #settleLater(path: string): void {
    this.#unsettled.push(path);
    if (this.#closed || this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      const paths = this.#unsettled;
      this.#unsettled = [];
      this.#settling = this.#settling.then(() => this.#settle(paths));
    }, SETTLE_MS);
    this.#timer.unref();
  }

  /** One at a time: nobody waits for it, and it must not be in the way of those who wait for the disk. */
  async #settle(paths: readonly string[]): Promise<void> {
    for (const path of paths) {
      try {
        const folders = new Set<string>();
        for await (const { sha256 } of readPack(createReadStream(path))) {
          if (this.#closed) return;
          const place = this.#places.content(sha256);
          folders.add(dirname(place));
          await syncFile(place);
        }
        for (const folder of folders) await syncFile(folder);
        await rm(path, { force: true });
      } catch (err) {
        this.#log.warn({ path, err }, 'files could not be synced; tried again later');
        this.#settleLater(path);
      }
    }
  }
}
