/** The state directory: ours alone, or refused. */
import { chmodSync, mkdirSync, statSync } from 'node:fs';

/**
 * Makes the directory (0700) when there is none, and checks one that is there.
 * @throws {Error} when it belongs to somebody else, or when others can write to it.
 */
export function ensurePrivateDir(dir: string): void {
  const made = mkdirSync(dir, { recursive: true, mode: 0o700 });
  if (made !== undefined) chmodSync(dir, 0o700);
  const found = statSync(dir);
  const user = process.geteuid?.();
  if (user !== undefined && found.uid !== user)
    throw new Error(
      `The state directory ${dir} belongs to user ${found.uid}, but this process runs as user ${user}. Choose another directory, or change its owner.`,
    );
  const mode = found.mode & 0o777;
  if ((mode & 0o022) !== 0)
    throw new Error(
      `The state directory ${dir} can be written by others (mode ${mode.toString(8).padStart(4, '0')}). Run: chmod 700 ${dir}`,
    );
}
