/** The folder of one attempt: what each file in it means, and how it is read. */
import { existsSync, mkdirSync, readdirSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { rm, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { StartOrder } from '@drover/core/wire';
import type { StopNote } from '../agent/ports.ts';
import { isStartOrder } from '../agent/protocol.ts';
import { DamagedFile, hasCode, readChecked, readIfThere, writeChecked, writeNewChecked } from './atomic.ts';
import { type Identity, markFor, parseStat } from './process.ts';

/** What the worker decided before the start. */
export interface AttemptRecord {
  readonly order: StartOrder;
  readonly port: number;
  readonly bootId: string;
  readonly cgroup: string | null;
}

export const folderOf = (stateDir: string, instance: string, attempt: number): string =>
  join(stateDir, 'instances', markFor(instance, attempt));
/** Named by the offset of its first byte. */
export const LOG_FILE = 'log.0';
export const EXIT_FILE = 'exit';
const RECORD_FILE = 'record.json';
export const logFile = (folder: string): string => join(folder, LOG_FILE);
export const workFolder = (folder: string): string => join(folder, 'work');

/** Makes the folder; false when it exists already. */
export function makeAttemptFolder(folder: string): boolean {
  try {
    mkdirSync(folder, { mode: 0o700 });
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/** `isNew`: there is none yet, so no rename is needed: half a record is a damaged one. */
export function writeRecord(folder: string, record: AttemptRecord, isNew: boolean): void {
  const write = isNew ? writeNewChecked : writeChecked;
  write(join(folder, RECORD_FILE), record);
}

/** Null when there is none. @throws {DamagedFile} */
export function readRecord(folder: string): AttemptRecord | null {
  const path = join(folder, RECORD_FILE);
  const value = readChecked(path);
  if (value === undefined) return null;
  const record = value as AttemptRecord;
  if (!isStartOrder(record?.order) || typeof record.port !== 'number' || typeof record.bootId !== 'string') {
    throw new DamagedFile(path, 'its fields are not those of a record');
  }
  return record;
}

export const writeStop = (folder: string, note: StopNote): void =>
  writeChecked(join(folder, 'stop.json'), note);

/** A damaged note counts as none: the head asks again. */
export function readStop(folder: string): StopNote | null {
  try {
    return (readChecked(join(folder, 'stop.json')) as StopNote | undefined) ?? null;
  } catch (error) {
    if (error instanceof DamagedFile) return null;
    throw error;
  }
}

/** Takes the attempt, so that no shim can begin it. False when one has. */
export function claimStart(folder: string): boolean {
  try {
    writeFileSync(join(folder, 'started'), 'withdrawn\n', { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/** Who began the attempt: nobody, a shim that is just writing its name, or this process. */
export function readStarted(
  folder: string,
): { by: 'nobody' } | { by: 'unnamed' } | ({ by: 'shim'; atMs: number } & Identity) {
  const path = join(folder, 'started');
  const text = readIfThere(path);
  if (text === null) return { by: 'nobody' };
  const stat = text.endsWith(' end\n') ? parseStat(text) : null;
  if (stat === null) return { by: 'unnamed' };
  return { by: 'shim', pid: stat.pid, startTicks: stat.startTicks, atMs: statSync(path).mtimeMs };
}

/** The exit code and its wall time; null until the shim has written all of it. */
export function readExit(folder: string): { code: number; atMs: number } | null {
  const path = join(folder, EXIT_FILE);
  const code = /^exit (\d{1,9}) end\n$/.exec(readIfThere(path) ?? '')?.[1];
  return code === undefined ? null : { code: Number(code), atMs: statSync(path).mtimeMs };
}

/** Every attempt that has a folder. */
export function listFolders(stateDir: string): { instance: string; attempt: number; folder: string }[] {
  const root = join(stateDir, 'instances');
  return readdirSync(root).flatMap((name) => {
    const [, instance, attempt] = /^(.+)\.(\d{1,9})$/.exec(name) ?? [];
    if (instance === undefined) return [];
    return [{ instance, attempt: Number(attempt), folder: join(root, name) }];
  });
}

/** True for what a removal or a start left half done: nothing was recorded, and nothing has begun. */
export const isRemnant = (folder: string): boolean =>
  !existsSync(join(folder, RECORD_FILE)) && !existsSync(join(folder, 'started'));

/** The record goes first and at once: without it there is no attempt, whatever becomes of the rest. */
export function removeRecord(folder: string): void {
  try {
    unlinkSync(join(folder, RECORD_FILE));
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}

/** Removes all of it. The usual files go without a walk. */
export async function removeAttemptFolder(folder: string): Promise<void> {
  removeRecord(folder);
  try {
    for (const file of ['started', EXIT_FILE, LOG_FILE]) await unlink(join(folder, file));
    await rmdir(workFolder(folder));
    await rmdir(folder);
  } catch {
    await rm(folder, { recursive: true, force: true });
  }
}
