/** Absolute targets: a link at the absolute path, to what lies in the home. Never in the place of what is not ours. */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isSystemPath, refused } from '../agent/index.ts';
import { hasCode, readChecked, writeChecked } from '../os/atomic.ts';
import { realOrNull } from './ground.ts';

/** What was made outside of one home: the links, and folders above them that were not there. */
interface Made {
  readonly links: string[];
  readonly folders: string[];
}

/** The links of one home. */
export class HomeLinks {
  readonly #home: string;
  readonly #stateDir: string;
  readonly #record: string;

  /** @param home its real path @param record the file that keeps what was made */
  constructor(home: string, stateDir: string, record: string) {
    this.#home = home;
    this.#stateDir = stateDir;
    this.#record = record;
  }

  /**
   * Makes the link, unless it is there. What it leads to need not be.
   * @param wanted the path in the home
   * @throws {LaunchError} MOUNT_REFUSED
   */
  make(at: string, wanted: string): void {
    if (leadsTo(at, wanted)) return;
    const found = lstatSync(at, { throwIfNoEntry: false });
    if (found && !this.#isForsaken(at)) this.#refuseFound(at);
    const above = this.#checkAbove(at);
    try {
      const folder = mkdirSync(dirname(at), { recursive: true, mode: 0o755 });
      this.#note(at, folder === undefined ? [] : foldersFrom(folder, dirname(at)));
      const draft = `${at}.${process.pid}.drover`;
      symlinkSync(wanted, draft);
      renameSync(draft, at);
    } catch (error) {
      if (!hasCode(error, 'EACCES', 'EPERM', 'EROFS')) throw error;
      throw refused(
        at,
        `the worker may not write to ${above}: choose a target below ~, or let an administrator make a folder there that the worker may write to`,
      );
    }
  }

  /** Takes away what was made, as far as it is still ours. */
  removeAll(): void {
    const { links, folders } = this.#made();
    for (const link of links) if (this.#isOurs(link)) unlinkSync(link);
    for (const folder of [...folders].sort((a, b) => b.length - a.length)) {
      try {
        rmdirSync(folder);
      } catch (error) {
        if (!hasCode(error, 'ENOENT', 'ENOTEMPTY', 'EEXIST', 'ENOTDIR', 'EACCES', 'EPERM', 'EBUSY'))
          throw error;
      }
    }
    try {
      unlinkSync(this.#record);
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error;
    }
  }

  #isOurs(link: string): boolean {
    const found = lstatSync(link, { throwIfNoEntry: false });
    return found?.isSymbolicLink() === true && readlinkSync(link).startsWith(`${this.#home}/`);
  }

  /** A link of ours, or of a home that is gone. */
  #isForsaken(link: string): boolean {
    if (!lstatSync(link).isSymbolicLink()) return false;
    const to = readlinkSync(link);
    const homes = dirname(this.#home);
    if (!to.startsWith(`${homes}/`)) return false;
    const other = join(homes, to.slice(homes.length + 1).split('/')[0] ?? '');
    return other === this.#home || !existsSync(other);
  }

  #refuseFound(at: string): never {
    const to = lstatSync(at).isSymbolicLink() ? readlinkSync(at) : null;
    throw refused(
      at,
      to?.startsWith(`${dirname(this.#home)}/`)
        ? 'another node on this worker has its files there: choose a target below ~, which each node has for itself'
        : 'something is there already, and it is never replaced: choose a target below ~, or another path',
    );
  }

  /** The nearest folder above that exists, as it really is. */
  #checkAbove(at: string): string {
    let above = dirname(at);
    while (realOrNull(above) === null && above !== '/') above = dirname(above);
    const real = realOrNull(above) ?? '/';
    const state = realOrNull(this.#stateDir);
    if (real !== '/' && isSystemPath(real))
      throw refused(at, `it leads to ${real}, which belongs to the system`);
    if (state !== null && (real === state || real.startsWith(`${state}/`)))
      throw refused(at, 'it lies in the folder of the worker: choose a target below ~');
    return real;
  }

  #made(): Made {
    try {
      return (readChecked(this.#record) as Made | undefined) ?? { links: [], folders: [] };
    } catch {
      return { links: [], folders: [] };
    }
  }

  /** Before it is made: what is noted and not there does no harm. */
  #note(link: string, folders: readonly string[]): void {
    const made = this.#made();
    writeChecked(this.#record, {
      links: [...new Set([...made.links, link])],
      folders: [...new Set([...made.folders, ...folders])],
    } satisfies Made);
  }
}

/** True when the path is that place already: by a link, or because a folder above it is one. */
function leadsTo(at: string, wanted: string): boolean {
  const found = lstatSync(at, { throwIfNoEntry: false });
  if (found?.isSymbolicLink() && readlinkSync(at) === wanted) return true;
  const above = realOrNull(dirname(at));
  const wantedAbove = realOrNull(dirname(wanted));
  return (
    above !== null &&
    wantedAbove !== null &&
    join(above, basename(at)) === join(wantedAbove, basename(wanted))
  );
}

/** The folders from the first that was made to the last. */
function foldersFrom(first: string, last: string): string[] {
  const folders = [last];
  for (let at = last; at !== first && at !== '/'; ) {
    at = dirname(at);
    folders.push(at);
  }
  return folders;
}
