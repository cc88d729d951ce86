/** Files that are either the old or the new text, never a mixture, and that tell when they were damaged. */
import {
  closeSync,
  constants,
  fstatSync,
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
  const { fd, temporary } = openTemporary(path);
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

/** Made anew, never opened: something else may lie there under its name. */
function openTemporary(path: string): { fd: number; temporary: string } {
  for (;;) {
    const temporary = `${path}.${process.pid}.${++counter}.tmp`;
    try {
      return { fd: openSync(temporary, 'wx', 0o600), temporary };
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
    }
  }
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

/** An instance can put anything into its folder: a pipe must not block us, nor a link lead us elsewhere. */
export const GUARDED = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;
const LARGEST = 32 * 1024 * 1024;

/**
 * The same for a file that somebody else may have changed.
 * @throws {DamagedFile} when there is something that is no regular file, may not be read, or is too large.
 */
export function readGuarded(path: string): string | null {
  let fd: number;
  try {
    fd = openSync(path, GUARDED);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return null;
    if (hasCode(error, 'ELOOP', 'EACCES', 'EPERM', 'ENXIO', 'ENODEV'))
      throw new DamagedFile(path, String(error));
    throw error;
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new DamagedFile(path, 'not a regular file');
    if (stat.size > LARGEST) throw new DamagedFile(path, 'too large');
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
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
  const text = readGuarded(path);
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
