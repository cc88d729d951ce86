/** Brings contents from the head into the cache: several at once, each again until it is there. */
import { createHash } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { PACKED_BYTES, packsOf, readPack } from '@drover/core';
import { LaunchError, type Logger, type StopSignal } from '../agent/index.ts';
import type { ContentCache } from './content-cache.ts';
import { type HeadFiles, NotAtHead } from './head-files.ts';

const LANES = 4;
const PACK_ITEMS = 500;
const WRITES_AT_ONCE = 16;
const BACK_OFF_MS = { first: 100, most: 5_000 } as const;

/** After so many it is not the line that damages it. */
const MOST_DAMAGED = 5;

/** What came is not what was asked for. */
class Damaged extends Error {}

/** A content and its bytes. */
export interface Wanted {
  readonly sha256: string;
  readonly size: number;
}

export class Fetcher {
  readonly #head: HeadFiles;
  readonly #cache: ContentCache;
  readonly #log: Logger;
  /** Large contents under way: another home that wants the same waits. */
  readonly #under = new Map<string, Promise<void>>();

  constructor(head: HeadFiles, cache: ContentCache, log: Logger) {
    this.#head = head;
    this.#cache = cache;
    this.#log = log;
  }

  /**
   * All of them are in the cache when it resolves. Waits for a head that is away.
   * @throws {LaunchError} FILES_UNAVAILABLE; anything when stopped
   */
  async bring(wanted: readonly Wanted[], stop: StopSignal): Promise<void> {
    const missing = [...new Map(wanted.map((one) => [one.sha256, one])).values()].filter(
      ({ sha256, size }) => !this.#cache.has(sha256, size),
    );
    const jobs = packsOf(
      missing.filter(({ size }) => size <= PACKED_BYTES),
      PACK_ITEMS,
    ).map((pack) => () => this.#bringPack(pack, stop));
    for (const one of missing) if (one.size > PACKED_BYTES) jobs.push(() => this.#bringLarge(one, stop));
    const lane = async (): Promise<void> => {
      for (let job = jobs.pop(); job !== undefined; job = jobs.pop()) await job();
    };
    await Promise.all(Array.from({ length: Math.min(LANES, jobs.length) }, lane));
    await this.#cache.trim();
  }

  /**
   * The text of a tree is its id's. Read again from the beginning after a cut.
   * @returns a file of the caller's own, which it removes: another home may want the same tree
   */
  async tree(id: string, stop: StopSignal): Promise<string> {
    const path = this.#cache.draft();
    await this.#again(stop, 'a list of files', async () => {
      const hash = createHash('sha256');
      const file = await open(path, 'w', 0o600);
      try {
        for await (const chunk of await this.#head.tree(id, stop)) {
          hash.update(chunk);
          await file.writeFile(chunk);
        }
      } finally {
        await file.close();
      }
      if (hash.digest('hex') !== id) throw new Damaged('the list of files came damaged');
    });
    return path;
  }

  async #bringPack(pack: readonly Wanted[], stop: StopSignal): Promise<void> {
    let left = pack;
    await this.#again(stop, 'files', async () => {
      left = left.filter(({ sha256, size }) => !this.#cache.has(sha256, size));
      if (left.length === 0) return;
      const hashes = left.map(({ sha256 }) => sha256);
      const writes: Promise<void>[] = [];
      for await (const { sha256, bytes } of readPack(await this.#head.pack(hashes, stop))) {
        if (createHash('sha256').update(bytes).digest('hex') !== sha256)
          throw new Damaged('a file came damaged');
        const write = this.#cache.add(sha256, bytes);
        // Awaited below, unless the pack is cut before.
        write.catch(() => undefined);
        writes.push(write);
        if (writes.length >= WRITES_AT_ONCE) await Promise.all(writes.splice(0));
      }
      await Promise.all(writes);
    });
  }

  async #bringLarge(one: Wanted, stop: StopSignal): Promise<void> {
    for (let under = this.#under.get(one.sha256); under; under = this.#under.get(one.sha256))
      await under.catch(() => undefined);
    if (this.#cache.has(one.sha256, one.size)) return;
    const bringing = this.#again(stop, 'a large file', () => this.#goOn(one, stop));
    this.#under.set(one.sha256, bringing);
    await bringing.finally(() => this.#under.delete(one.sha256));
  }

  /** From where an earlier try was cut. */
  async #goOn({ sha256, size }: Wanted, stop: StopSignal): Promise<void> {
    const path = this.#cache.partial(sha256);
    const file = await open(path, 'a', 0o600);
    try {
      const { size: offset } = await stat(path);
      if (offset > size) await file.truncate(0);
      if (offset !== size)
        for await (const chunk of await this.#head.content(sha256, offset > size ? 0 : offset, stop))
          await file.writeFile(chunk);
    } finally {
      await file.close();
    }
    if (!(await this.#cache.addPartial(sha256))) throw new Damaged('a file came damaged');
  }

  async #again(stop: StopSignal, what: string, step: () => Promise<void>): Promise<void> {
    let damaged = 0;
    for (let delayMs: number = BACK_OFF_MS.first, tries = 1; ; tries++) {
      if (stop.isStopped) throw new Error('stopped');
      try {
        await step();
        return;
      } catch (error) {
        const why = (error as Error).message;
        if (stop.isStopped) throw error;
        if (error instanceof NotAtHead)
          throw unavailable(
            `the head does not have ${what} of this order any more (${why}): send them again`,
          );
        if (error instanceof Damaged && ++damaged === MOST_DAMAGED)
          throw unavailable(`${why} ${damaged} times: look at the disk of the head, then send them again`);
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'ENOSPC' || code === 'EDQUOT')
          throw unavailable(`the disk of the worker is full: make room on it, then launch again (${why})`);
        if (tries === 3) this.#log.warn({ why }, 'files cannot be fetched from the head yet; trying again');
      }
      const awake = new AbortController();
      const unfollow = stop.onStop(() => awake.abort());
      await sleep(delayMs * (0.5 + Math.random()), undefined, { signal: awake.signal }).catch(
        () => undefined,
      );
      unfollow();
      delayMs = Math.min(delayMs * 2, BACK_OFF_MS.most);
    }
  }
}

const unavailable = (message: string): LaunchError => new LaunchError('FILES_UNAVAILABLE', message);
