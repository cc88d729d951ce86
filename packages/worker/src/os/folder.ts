/** The folder of one attempt: what each file in it means, and how it is read. */
import { mkdirSync, readdirSync, rmdirSync, rmSync, statSync, unlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type StartOrder, startOrder } from '@drover/core/wire';
import type { StopNote } from '../agent/ports.ts';
import { DamagedFile, hasCode, readChecked, readIfThere, writeChecked } from './atomic.ts';
import type { AttemptCgroup } from './cgroups.ts';
import { type Identity, parseStat } from './process.ts';

/** What the worker decided before the start. */
export interface AttemptRecord {
  readonly order: StartOrder;
  readonly port: number;
  readonly bootId: string;
  readonly cgroup: AttemptCgroup | null;
}

export const folderOf = (stateDir: string, instance: string, attempt: number): string =>
  join(stateDir, 'instances', instance, String(attempt));
export const logFolder = (folder: string): string => join(folder, 'log');
export const logFile = (folder: string): string => join(folder, 'log', '0');
export const workFolder = (folder: string): string => join(folder, 'work');
export const exitFile = (folder: string): string => join(folder, 'exit');

/** Makes the folder with its empty `log/`; one that exists is taken. */
export function makeAttemptFolder(folder: string): void {
  for (const path of [folder, logFolder(folder)]) {
    try {
      mkdirSync(path, { mode: 0o700 });
    } catch (error) {
      if (hasCode(error, 'ENOENT')) mkdirSync(path, { recursive: true, mode: 0o700 });
      else if (!hasCode(error, 'EEXIST')) throw error;
    }
  }
}

export const writeRecord = (folder: string, record: AttemptRecord): void =>
  writeChecked(join(folder, 'record.json'), record);

/** Null when there is none. @throws {DamagedFile} */
export function readRecord(folder: string): AttemptRecord | null {
  const path = join(folder, 'record.json');
  const value = readChecked(path);
  if (value === undefined) return null;
  const record = value as AttemptRecord;
  const order = startOrder.safeParse(record?.order);
  if (!order.success || typeof record.port !== 'number' || typeof record.bootId !== 'string') {
    throw new DamagedFile(path, 'its fields are not those of a record');
  }
  return { ...record, order: order.data };
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
  const code = /^exit (\d{1,9}) end\n$/.exec(readIfThere(exitFile(folder)) ?? '')?.[1];
  return code === undefined ? null : { code: Number(code), atMs: statSync(exitFile(folder)).mtimeMs };
}

/** Every attempt that has a folder. */
export function listFolders(stateDir: string): { instance: string; attempt: number; folder: string }[] {
  const root = join(stateDir, 'instances');
  return list(root).flatMap((instance) =>
    list(join(root, instance))
      .filter((name) => /^\d{1,9}$/.test(name))
      .map((name) => ({ instance, attempt: Number(name), folder: join(root, instance, name) })),
  );
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}

const FILES = ['exit', 'started', 'spec', 'stop.json', 'log/0'];

/** Removes all of it. The usual files go without a walk; the record goes first, so that half a removal is no attempt. */
export async function removeAttemptFolder(folder: string): Promise<void> {
  rmSync(join(folder, 'record.json'), { force: true });
  try {
    for (const file of FILES) unlinkIfThere(join(folder, file));
    for (const path of [logFolder(folder), workFolder(folder), folder]) rmdirIfThere(path);
  } catch {
    await rm(folder, { recursive: true, force: true });
  }
  try {
    rmdirSync(dirname(folder));
  } catch {
    // Another attempt of the instance is still there.
  }
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}

function rmdirIfThere(path: string): void {
  try {
    rmdirSync(path);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}
