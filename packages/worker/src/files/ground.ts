/** The folders of a home: made where they are missing, and never one that a link leads out of it. */
import { chmodSync, lstatSync, mkdirSync, realpathSync, rmdirSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { refused } from '../agent/index.ts';
import { hasCode } from '../os/atomic.ts';

/** Looks at each folder once. Commands that run in the home may change it all the time: then the next sync mends it. */
export class Ground {
  readonly #home: string;
  readonly #target: string;
  readonly #known = new Set<string>();

  /** @param home as its real path @param target for messages */
  constructor(home: string, target: string) {
    this.#home = home;
    this.#target = target;
  }

  /** @throws {LaunchError} MOUNT_REFUSED when the way to it leaves the home @returns its path */
  folder(path: string): string {
    let at = this.#home;
    for (let from = 0; from < path.length; ) {
      const end = path.indexOf('/', from);
      const to = end < 0 ? path.length : end;
      at = join(this.#home, path.slice(0, to));
      if (!this.#known.has(at)) {
        this.#stand(at);
        this.#known.add(at);
      }
      from = to + 1;
    }
    return at;
  }

  /** The bits of a folder, with those that its owner needs to write into it next time. */
  setMode(path: string, mode: number): void {
    const wanted = mode | 0o700;
    if ((statSync(path).mode & 0o777) !== wanted) chmodSync(path, wanted);
  }

  /** What is in the way of a file or link goes. @throws {LaunchError} MOUNT_REFUSED for a folder that holds something */
  clear(path: string): void {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (!found?.isDirectory()) return;
    try {
      rmdirSync(path);
    } catch (error) {
      if (!hasCode(error, 'ENOTEMPTY', 'EEXIST')) throw error;
      throw refused(
        this.#target,
        `${path} is a folder with something in it, and a file is to lie there: remove it`,
      );
    }
  }

  #stand(path: string): void {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found?.isDirectory()) return;
    if (found?.isSymbolicLink()) {
      const real = realOrNull(path);
      const isWithin = real === this.#home || real?.startsWith(`${this.#home}/`);
      if (real !== null && isWithin && statSync(real).isDirectory()) return;
      throw refused(
        this.#target,
        `${path} is a link that leads out of the home: remove it, or choose another target`,
      );
    }
    if (found) unlinkSync(path);
    mkdirSync(path, { mode: 0o755 });
  }
}

/** Where a path really leads, or null where it ends nowhere. */
export function realOrNull(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}
