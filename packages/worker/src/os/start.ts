/** Starting a shim: the checks before it, and the process itself. */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { StartOrder } from '@drover/core/wire';
import { LaunchError } from '../agent/ports.ts';
import { WORKDIR } from '../agent/targets.ts';
import { hasCode } from './atomic.ts';
import { workFolder } from './folder.ts';

/** The exit status of a shim that found the attempt taken. */
export const SHIM_REFUSED = 121;

/** @throws {LaunchError} when the working directory or the virtual environment is not there. */
export function checkPlaces(order: StartOrder): void {
  if (order.workdir !== null && !isEnterable(order.workdir)) {
    throw new LaunchError(
      'WORKDIR_NOT_FOUND',
      `the working directory ${order.workdir} is not a folder that the worker may enter`,
    );
  }
  const activate = order.venv === null ? null : join(order.venv, 'bin', 'activate');
  if (activate !== null && !isReadable(activate)) {
    throw new LaunchError(
      'VENV_NOT_FOUND',
      `the virtual environment ${order.venv} has no readable ${activate}`,
    );
  }
}

function isEnterable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * The folder in which the command begins. When the order names none: with a home its `workdir`, where it has one, else the
 * home itself; without a home a folder of its own, which is made.
 */
export function workingDirectory(order: StartOrder, folder: string, home: string | null = null): string {
  if (order.workdir !== null) return order.workdir;
  if (home !== null) {
    const workdir = join(home, WORKDIR);
    return isEnterable(workdir) ? workdir : home;
  }
  const path = workFolder(folder);
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  }
  return path;
}

/**
 * Starts a shim as a child of this process, in a session of its own, with nothing of the worker's but the environment
 * that is given. @returns its pid
 * @throws {LaunchError} when the system refuses the process.
 */
export async function spawnShim(
  program: readonly [string, ...string[]],
  env: Record<string, string>,
  cwd: string,
  onGone: (status: number | null) => void,
): Promise<number> {
  const refused = (error: unknown) =>
    new LaunchError(
      'START_FAILED',
      `the process could not be started: ${error instanceof Error ? error.message : error}`,
    );
  const [file, ...words] = program;
  let child: ChildProcess;
  try {
    child = spawn(file, words, { detached: true, stdio: 'ignore', env, cwd });
  } catch (error) {
    throw refused(error);
  }
  child.once('exit', onGone);
  if (child.pid === undefined) {
    const failed = child;
    throw refused(await new Promise((resolve) => failed.once('error', resolve)));
  }
  child.unref();
  return child.pid;
}
