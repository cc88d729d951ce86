/** The state directory: ours alone, or refused. */
import { chmodSync, lstatSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Makes the directory (0700) when there is none, and checks one that is there. Nothing is written into one that is
 * refused.
 * @throws {Error} when it is a link or no directory, when it belongs to somebody else, or when others can write to it.
 */
export function ensurePrivateDir(dir: string): void {
  refuseLink(dir, 'The state directory');
  const made = mkdirSync(dir, { recursive: true, mode: 0o700 });
  if (made !== undefined) chmodSync(dir, 0o700);
  const found = statSync(dir);
  refuseForeign(dir, 'The state directory', found.uid);
  const mode = found.mode & 0o777;
  if ((mode & 0o022) !== 0)
    throw new Error(
      `The state directory ${dir} can be written by others (mode ${mode.toString(8).padStart(4, '0')}). Run: chmod 700 ${dir}`,
    );
}

/** The files of the database, before they are opened: a link would lead the writes out of the directory. */
export function checkStateFiles(dir: string): void {
  for (const name of ['drover.db', 'drover.db-wal', 'drover.db-shm', 'drover.lock']) {
    const path = join(dir, name);
    refuseLink(path, 'The file');
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found) refuseForeign(path, 'The file', found.uid);
  }
}

function refuseLink(path: string, what: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink())
    throw new Error(
      `${what} ${path} is a symbolic link, which somebody could turn to another place. Name the place that it leads to.`,
    );
}

function refuseForeign(path: string, what: string, owner: number): void {
  const user = process.geteuid?.();
  if (user !== undefined && owner !== user)
    throw new Error(
      `${what} ${path} belongs to user ${owner}, but this process runs as user ${user}. Choose another directory, or change its owner.`,
    );
}
