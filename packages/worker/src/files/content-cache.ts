/**
 * Contents that were fetched, by hash, so that the next home, or the next version of a folder, need not ask for them again.
 * Nothing in it is synced, so it is believed only until the machine is started again.
 */
import { createHash } from 'node:crypto';
import {
  createReadStream,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What was used within this time is never let go of: somebody may be about to copy it. */
const IN_USE_MS = 10 * 60_000;
/** A file's time is renewed when it is older than this. */
const RENEW_MS = 60_000;

export class ContentCache {
  readonly #dir: string;
  readonly #mostBytes: number;
  #sinceTrim = 0;
  #count = 0;
  #trimming: Promise<void> | null = null;

  /** @param mostBytes beyond which the least recently used goes */
  constructor(dir: string, bootId: string, mostBytes: number) {
    this.#dir = dir;
    this.#mostBytes = mostBytes;
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    rmSync(join(dir, 'tmp'), { recursive: true, force: true });
    if (markIn(dir) !== bootId)
      for (const part of ['content', 'partial']) rmSync(join(dir, part), { recursive: true, force: true });
    for (const part of ['tmp', 'content', 'partial'])
      mkdirSync(join(dir, part), { recursive: true, mode: 0o700 });
    writeFileSync(join(dir, 'boot'), bootId);
    this.#sinceTrim = mostBytes;
  }

  path(sha256: string): string {
    return join(this.#dir, 'content', sha256.slice(0, 2), sha256);
  }

  /** Where a content is gathered that does not come at once. */
  partial(sha256: string): string {
    return join(this.#dir, 'partial', sha256);
  }

  /** A file that is not there yet, on the disk of the homes. */
  draft(): string {
    return join(this.#dir, 'tmp', `${process.pid}.${++this.#count}`);
  }

  /** True when it is here whole; it then stays for a while. */
  has(sha256: string, size: number): boolean {
    const path = this.path(sha256);
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found?.size !== size) return false;
    const now = Date.now();
    if (now - found.mtimeMs > RENEW_MS) utimesSync(path, now / 1000, now / 1000);
    return true;
  }

  /** Takes a small content. Its hash is right. */
  async add(sha256: string, bytes: Uint8Array): Promise<void> {
    const draft = this.draft();
    await writeFile(draft, bytes, { mode: 0o600, flag: 'wx' });
    await this.#place(draft, sha256, bytes.length);
  }

  /** Takes what was gathered. @returns false, and it goes, when it is something else */
  async addPartial(sha256: string): Promise<boolean> {
    const path = this.partial(sha256);
    if ((await hashOf(path)) !== sha256) {
      await rm(path, { force: true });
      return false;
    }
    await this.#place(path, sha256, (await stat(path)).size);
    return true;
  }

  /** Lets go of the least recently used, when there is too much. */
  async trim(): Promise<void> {
    if (this.#sinceTrim < this.#mostBytes / 10) return;
    this.#trimming ??= this.#trim().finally(() => {
      this.#trimming = null;
    });
    await this.#trimming;
  }

  async #trim(): Promise<void> {
    this.#sinceTrim = 0;
    const all: { path: string; bytes: number; usedMs: number }[] = [];
    let bytes = 0;
    const root = join(this.#dir, 'content');
    for (const shard of await readdir(root))
      for (const name of await readdir(join(root, shard))) {
        const path = join(root, shard, name);
        const found = lstatSync(path, { throwIfNoEntry: false });
        if (!found) continue;
        bytes += found.size;
        all.push({ path, bytes: found.size, usedMs: found.mtimeMs });
      }
    if (bytes <= this.#mostBytes) return;
    const wanted = this.#mostBytes * 0.8;
    for (const each of all.sort((a, b) => a.usedMs - b.usedMs)) {
      if (bytes <= wanted || Date.now() - each.usedMs < IN_USE_MS) return;
      await rm(each.path, { force: true });
      bytes -= each.bytes;
    }
  }

  async #place(draft: string, sha256: string, bytes: number): Promise<void> {
    const path = this.path(sha256);
    mkdirSync(join(this.#dir, 'content', sha256.slice(0, 2)), { recursive: true });
    await rename(draft, path);
    this.#sinceTrim += bytes;
  }
}

/** SHA-256 of a file, in hex. */
export async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1024 })) hash.update(chunk);
  return hash.digest('hex');
}

function markIn(dir: string): string {
  try {
    return readFileSync(join(dir, 'boot'), 'utf8');
  } catch {
    return '';
  }
}
