/** Keys on disk: for the eyes of this user only, or not used. */
import { mkdirSync, readFileSync, statSync } from 'node:fs';

const octal = (mode: number): string => (mode & 0o777).toString(8).padStart(4, '0');

/** Makes the folder (0700) when there is none. @throws {Error} when others may look into it, with what to run */
export function ensureKeyFolder(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const { mode } = statSync(dir);
  if ((mode & 0o077) !== 0)
    throw new Error(
      `The folder ${dir} holds keys and is open to others (mode ${octal(mode)}). Run: chmod 700 ${dir}`,
    );
}

/** A key of our own. @returns null when there is none. @throws {Error} when others may read it, with what to run */
export function readOwnKey(path: string): string | null {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) return null;
  if ((found.mode & 0o077) !== 0)
    throw new Error(
      `The key ${path} can be read by others (mode ${octal(found.mode)}). Run: chmod 600 ${path}`,
    );
  return readFileSync(path, 'utf8');
}

/**
 * Why a key that was given is not used; null when it may be. Its group may read it, as Debian's `ssl-cert` does.
 * @param mode as `stat` tells it
 */
export function keyModeTrouble(path: string, mode: number): string | null {
  if ((mode & 0o027) === 0) return null;
  return `the key ${path} is open to others (mode ${octal(mode)}): run chmod 640 on it, or 600`;
}
