/** Removes a home: all of it, and nothing else. */
import { chmodSync, lstatSync, readFileSync, realpathSync, renameSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { mountsIn } from '@drover/core';
import { LaunchError } from '../agent/index.ts';

/** What is being removed has this at its end: no home has such a name. */
const REMOVED = '~removed';

/**
 * Renames it first, so that nobody meets half of it. No link is followed, and no other disk is entered.
 * @throws {LaunchError} HOME_NOT_REMOVED, then all of it is there as before
 */
export async function removeHomeFolder(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isDirectory())
    throw new LaunchError('HOME_NOT_REMOVED', `${path} is no folder: remove it by hand`);
  // A folder of the same disk that is bound there looks like any other.
  const [mounted] = mountsIn(readFileSync('/proc/self/mountinfo', 'utf8'), realpathSync(path));
  if (mounted !== undefined) throw mountedAt(mounted);
  await open(path, found.dev);
  const doomed = `${path}.${process.hrtime.bigint()}${REMOVED}`;
  renameSync(path, doomed);
  await rm(doomed, { recursive: true, force: true });
}

/** What removals that were cut short left. */
export async function sweepRemoved(homes: string): Promise<void> {
  for (const name of await readdir(homes))
    if (name.endsWith(REMOVED)) await rm(join(homes, name), { recursive: true, force: true });
}

/** Makes every folder writable, so that it can be emptied, and finds what is mounted in it. */
async function open(path: string, dev: number): Promise<void> {
  const found = lstatSync(path);
  if (found.dev !== dev) throw mountedAt(path);
  if ((found.mode & 0o700) !== 0o700) chmodSync(path, (found.mode & 0o777) | 0o700);
  for (const entry of await readdir(path, { withFileTypes: true }))
    if (entry.isDirectory()) await open(join(path, entry.name), dev);
}

const mountedAt = (path: string): LaunchError =>
  new LaunchError(
    'HOME_NOT_REMOVED',
    `something is mounted at ${path}: unmount it, then remove the node again`,
  );
