/** Files that are either the old or the new text, never a mixture, and that tell when they were damaged. */
import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';

let counter = 0;

/** A file that exists and whose text is not what was written. */
export class DamagedFile extends Error {
  readonly path: string;
  constructor(path: string, why: string) {
    super(`${path} is damaged: ${why}`);
    this.name = 'DamagedFile';
    this.path = path;
  }
}

/** True for a system error with this code, such as ENOENT. */
export function hasCode(error: unknown, ...codes: string[]): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && codes.includes(code);
}

/**
 * Replaces the file by a rename, with mode 0600. It survives the death of this process at any point; with `durable` it
 * also survives a power cut (two fsyncs, milliseconds).
 */
export function writeAtomic(path: string, text: string, durable = false): void {
  const temporary = `${path}.${process.pid}.${++counter}.tmp`;
  const fd = openSync(temporary, 'w', 0o600);
  try {
    try {
      writeAll(fd, text);
      if (durable) fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  if (durable) syncFolder(dirname(path));
}

function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}

function syncFolder(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** The text of the file; null when there is none. */
export function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ESRCH', 'ENODEV')) return null;
    throw error;
  }
}

/** Writes a value as one line of JSON and a line with its checksum. */
export const writeChecked = (path: string, value: unknown, durable = false): void =>
  writeAtomic(path, checked(value), durable);

/** The same for a file that is not there yet: cut short it is damaged, not half of something. */
export const writeNewChecked = (path: string, value: unknown): void =>
  writeFileSync(path, checked(value), { flag: 'wx', mode: 0o600 });

function checked(value: unknown): string {
  const json = JSON.stringify(value);
  return `${json}\n${checksum(json)}\n`;
}

/**
 * Reads what `writeChecked` wrote; undefined when there is no file.
 * @throws {DamagedFile}
 */
export function readChecked(path: string): unknown {
  const text = readIfThere(path);
  if (text === null) return undefined;
  const [json, sum, end] = text.split('\n');
  if (json === undefined || sum === undefined || end !== '') throw new DamagedFile(path, 'incomplete');
  if (sum !== checksum(json)) throw new DamagedFile(path, 'its checksum does not match');
  try {
    return JSON.parse(json) as unknown;
  } catch {
    throw new DamagedFile(path, 'not JSON');
  }
}

const checksum = (text: string): string => `crc32 ${crc32(text).toString(16).padStart(8, '0')}`;
