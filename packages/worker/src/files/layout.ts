/**
 * Lays a tree out in a home. What is there already and the same stays untouched; what differs is replaced by a rename; what
 * the tree does not name is left alone.
 */
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  lstatSync,
  openSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { parseTreeLine, type TreeEntry } from '@drover/core';
import { type Place, refused, type StopSignal } from '../agent/index.ts';
import { hasCode } from '../os/atomic.ts';
import { type ContentCache, hashOf } from './content-cache.ts';
import type { Fetcher } from './fetcher.ts';
import { Ground } from './ground.ts';
import { type Laid, LaidReader, laidLine, lookOf } from './laid.ts';
import { linesOf } from './lines.ts';

/** Entries that are looked at before those of them that differ are fetched and written. */
const BATCH_ENTRIES = 4_000;
const BATCH_BYTES = 64 * 1024 * 1024;
const WRITES_AT_ONCE = 8;

export interface LayoutParts {
  readonly cache: ContentCache;
  readonly fetcher: Fetcher;
  readonly bootId: string;
}

/** What one layout did, for the log. */
export interface LayoutResult {
  readonly files: number;
  readonly written: number;
}

interface Pending {
  readonly entry: TreeEntry;
  readonly dest: string;
  /** Null: it is to be written. */
  look: string | null;
}

/**
 * @param home its real path
 * @param record where this layout keeps what it laid out
 * @throws {LaunchError} FILES_UNAVAILABLE, MOUNT_REFUSED
 */
export async function layOut(
  parts: LayoutParts,
  place: Place,
  home: string,
  record: string,
  stop: StopSignal,
): Promise<LayoutResult> {
  const text = await parts.fetcher.tree(place.tree, stop);
  const layout = new Layout(parts, place, home, record, stop);
  try {
    for await (const line of linesOf(text)) {
      const entry = parseTreeLine(line) as TreeEntry | null;
      if (entry) await layout.take(entry);
    }
    return await layout.end();
  } finally {
    await layout.close();
    rmSync(text, { force: true });
  }
}

class Layout {
  readonly #parts: LayoutParts;
  readonly #place: Place;
  readonly #ground: Ground;
  readonly #record: string;
  readonly #stop: StopSignal;
  readonly #old: LaidReader;
  readonly #draft: string;
  readonly #out: number;
  #pending: Pending[] = [];
  #pendingBytes = 0;
  #files = 0;
  #written = 0;
  #count = 0;

  constructor(parts: LayoutParts, place: Place, home: string, record: string, stop: StopSignal) {
    this.#parts = parts;
    this.#place = place;
    this.#ground = new Ground(home, place.target);
    this.#record = record;
    this.#stop = stop;
    this.#old = new LaidReader(record, parts.bootId);
    this.#draft = parts.cache.draft();
    this.#out = openSync(this.#draft, 'wx', 0o600);
    writeSync(this.#out, `${parts.bootId}\n`);
  }

  async take(entry: TreeEntry): Promise<void> {
    if (this.#count === 0 && entry.path !== '') this.#ground.folder(this.#place.path);
    this.#count += 1;
    const path = entry.path === '' ? this.#place.path : `${this.#place.path}/${entry.path}`;
    if (entry.type === 'dir') {
      this.#ground.setMode(this.#ground.folder(path), entry.mode ?? 0o755);
      return;
    }
    const folder = this.#ground.folder(dirname(path) === '.' ? '' : dirname(path));
    const dest = join(folder, path.slice(path.lastIndexOf('/') + 1));
    if (entry.type === 'link') {
      this.#link(dest, entry.target ?? '');
      return;
    }
    this.#files += 1;
    const look = await this.#unchanged(entry, dest);
    this.#pending.push({ entry, dest, look });
    if (look === null) this.#pendingBytes += entry.size ?? 0;
    if (this.#pending.length >= BATCH_ENTRIES || this.#pendingBytes >= BATCH_BYTES) await this.#flush();
  }

  async end(): Promise<LayoutResult> {
    if (this.#count === 0) this.#ground.folder(this.#place.path);
    await this.#flush();
    renameSync(this.#draft, this.#record);
    return { files: this.#files, written: this.#written };
  }

  async close(): Promise<void> {
    closeSync(this.#out);
    rmSync(this.#draft, { force: true });
    await this.#old.close();
  }

  /** The look of a file that is already what it should be; else null. */
  async #unchanged({ path, sha256, size, mode = 0o644 }: TreeEntry, dest: string): Promise<string | null> {
    const known = await this.#old.at(path);
    const found = lstatSync(dest, { throwIfNoEntry: false, bigint: true });
    if (!found?.isFile() || Number(found.size) !== size) return null;
    const isKnown = known !== null && known.look === lookOf(found);
    if (isKnown ? known.sha256 !== sha256 : (await hashOf(dest).catch(() => '')) !== sha256) return null;
    if ((Number(found.mode) & 0o777) === mode) return lookOf(found);
    chmodSync(dest, mode);
    return lookOf(lstatSync(dest, { bigint: true }));
  }

  #link(dest: string, target: string): void {
    const found = lstatSync(dest, { throwIfNoEntry: false });
    if (found?.isSymbolicLink() && readlinkSync(dest) === target) return;
    this.#ground.clear(dest);
    const draft = `${dest}.${process.pid}.drover`;
    rmSync(draft, { force: true });
    symlinkSync(target, draft);
    renameSync(draft, dest);
  }

  async #flush(): Promise<void> {
    const pending = this.#pending;
    this.#pending = [];
    this.#pendingBytes = 0;
    if (this.#stop.isStopped) throw new Error('stopped');
    const todo = pending.filter(({ look }) => look === null);
    await this.#parts.fetcher.bring(
      todo.map(({ entry }) => ({ sha256: entry.sha256 ?? '', size: entry.size ?? 0 })),
      this.#stop,
    );
    const lane = async (): Promise<void> => {
      for (let one = todo.pop(); one !== undefined; one = todo.pop()) await this.#write(one);
    };
    await Promise.all(Array.from({ length: Math.min(WRITES_AT_ONCE, todo.length) }, lane));
    const lines = pending.map(({ entry, look }) => laidOf(entry, look ?? ''));
    if (lines.length > 0) writeSync(this.#out, lines.join(''));
    // So that pings and ends of others are not held up.
    await turn();
  }

  async #write(one: Pending): Promise<void> {
    const { entry, dest } = one;
    const draft = this.#parts.cache.draft();
    try {
      await copyFile(
        this.#parts.cache.path(entry.sha256 ?? ''),
        draft,
        constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL,
      );
      chmodSync(draft, entry.mode ?? 0o644);
      this.#ground.clear(dest);
      this.#rename(draft, dest);
    } catch (error) {
      rmSync(draft, { force: true });
      if (hasCode(error, 'ENOSPC', 'EDQUOT'))
        throw refused(this.#place.target, `the disk of the worker is full: ${(error as Error).message}`);
      throw error;
    }
    this.#written += 1;
    one.look = lookOf(lstatSync(dest, { bigint: true }));
  }

  #rename(draft: string, dest: string): void {
    try {
      renameSync(draft, dest);
    } catch (error) {
      if (!hasCode(error, 'EXDEV')) throw error;
      // Another disk is mounted within the home: beside its place, then.
      const near = `${dest}.${process.pid}.drover`;
      copyFileSync(draft, near);
      chmodSync(near, lstatSync(draft).mode & 0o777);
      renameSync(near, dest);
      rmSync(draft, { force: true });
    }
  }
}

const laidOf = ({ path, sha256 }: TreeEntry, look: string): string =>
  laidLine({ path, sha256: sha256 ?? '', look } satisfies Laid);
