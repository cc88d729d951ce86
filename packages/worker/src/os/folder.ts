/** The folder of one attempt: what each file in it means, and how it is read. */
import { lstatSync, mkdirSync, readdirSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { rm, rmdir, unlink } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { isUuid } from '@drover/core';
import type { StartOrder } from '@drover/core/wire';
import type { StopNote } from '../agent/ports.ts';
import { isStartOrder } from '../agent/protocol.ts';
import { DamagedFile, hasCode, readChecked, readGuarded, writeChecked, writeNewChecked } from './atomic.ts';
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
/** The home of a node. It outlives the instances that run in it. */
export const homeOf = (stateDir: string, home: string): string => join(stateDir, 'homes', home);
/** A segment of the log, named by the offset of its first byte. */
export const SEGMENT = /^log\.(0|[1-9]\d{0,14})$/;
/** The first segment; with shim.sh the only one. */
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

export function writeStop(folder: string, note: StopNote): void {
  const path = join(folder, 'stop.json');
  try {
    writeChecked(path, note);
  } catch (error) {
    if (!hasCode(error, 'EISDIR')) throw error;
    rmSync(path, { recursive: true });
    writeChecked(path, note);
  }
}

const WITHDRAWN = 'withdrawn\n';

/** Takes the attempt, so that no shim can begin it. False when one has. */
export function claimStart(folder: string): boolean {
  try {
    writeFileSync(join(folder, 'started'), WITHDRAWN, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/** A damaged note counts as none: the head asks again. */
export function readStop(folder: string): StopNote | null {
  try {
    return (readChecked(join(folder, 'stop.json')) as StopNote | undefined) ?? null;
  } catch (error) {
    if (error instanceof DamagedFile) return null;
    throw error;
  }
}

/** The text of a file; null when there is none; empty for what cannot be a file of ours. */
function textIn(path: string): string | null {
  try {
    return readGuarded(path);
  } catch (error) {
    if (error instanceof DamagedFile) return '';
    throw error;
  }
}

/** Who began the attempt: nobody, a shim that is just writing its name or whose name was lost, or this process. */
export function readStarted(
  folder: string,
): { by: 'nobody' } | { by: 'unnamed' } | ({ by: 'shim'; atMs: number } & Identity) {
  const path = join(folder, 'started');
  const text = textIn(path);
  if (text === null) return { by: 'nobody' };
  const stat = text.endsWith(' end\n') ? parseStat(text) : null;
  if (stat === null) return { by: 'unnamed' };
  return { by: 'shim', pid: stat.pid, startTicks: stat.startTicks, atMs: lstatSync(path).mtimeMs };
}

/** What the shim wrote of the end, with its wall time; null until it has written all of it. */
export function readExit(folder: string): { code: number; signal: string | null; atMs: number } | null {
  const path = join(folder, EXIT_FILE);
  const [, how, text] = /^(exit|signal) (\d{1,9}) end\n$/.exec(textIn(path) ?? '') ?? [];
  if (text === undefined) return null;
  const number = Number(text);
  const atMs = lstatSync(path).mtimeMs;
  return how === 'exit'
    ? { code: number, signal: null, atMs }
    : { code: 128 + number, signal: signalName(number), atMs };
}

const NAMES = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]));
/** Other names of the same signals. */
for (const [number, name] of [
  [constants.signals.SIGABRT, 'SIGABRT'],
  [constants.signals.SIGIO, 'SIGIO'],
] as const)
  NAMES.set(number, name);

/** Those without a name (real time) by their number. */
const signalName = (number: number): string => NAMES.get(number) ?? `SIG${number}`;

/** Every attempt that has a folder. */
export function listFolders(stateDir: string): { instance: string; attempt: number; folder: string }[] {
  const root = join(stateDir, 'instances');
  return readdirSync(root).flatMap((name) => {
    const [, instance, attempt] = /^(.+)\.(\d{1,9})$/.exec(name) ?? [];
    if (instance === undefined) return [];
    return [{ instance, attempt: Number(attempt), folder: join(root, name) }];
  });
}

const namesIn = (folder: string): string[] => {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
};

/** The segments of the log, the oldest first. */
export const segmentsIn = (folder: string): { first: number; path: string }[] =>
  namesIn(folder)
    .flatMap((name) => {
      const first = SEGMENT.exec(name)?.[1];
      return first === undefined ? [] : [{ first: Number(first), path: join(folder, name) }];
    })
    .sort((a, b) => a.first - b.first);

const isTrace = (name: string): boolean => name === EXIT_FILE || SEGMENT.test(name);

/** True when a shim was here, though it may have left no name. */
export const hasTraces = (folder: string): boolean =>
  namesIn(folder).some((name) => name === 'started' || isTrace(name));

/** True when it was withdrawn before any shim came, and its removal was cut short. */
export const isWithdrawn = (folder: string): boolean =>
  textIn(join(folder, 'started')) === WITHDRAWN && !namesIn(folder).some(isTrace);

/** True when the name is one that only this worker gives. */
export const isAttempt = (instance: string, attempt: number): boolean => isUuid(instance) && attempt > 0;

const DOOMED = '.removed';

/** Takes the attempt away at once, whatever becomes of its files. @returns where they are now, if there were any */
export function doomFolder(folder: string): string | null {
  const doomed = `${folder}.${process.hrtime.bigint()}${DOOMED}`;
  try {
    renameSync(folder, doomed);
    return doomed;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}

/** What a removal that was cut short left. */
export function listDoomed(stateDir: string): string[] {
  const root = join(stateDir, 'instances');
  return readdirSync(root)
    .filter((name) => name.endsWith(DOOMED))
    .map((name) => join(root, name));
}

/** Removes all of it. The usual files go without a walk. */
export async function removeAttemptFolder(folder: string): Promise<void> {
  try {
    unlinkSync(join(folder, RECORD_FILE));
    for (const file of ['started', EXIT_FILE]) await unlink(join(folder, file));
    for (const { path } of segmentsIn(folder)) await unlink(path);
    await rmdir(workFolder(folder));
    await rmdir(folder);
  } catch {
    await rm(folder, { recursive: true, force: true });
  }
}
