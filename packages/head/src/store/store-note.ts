/**
 * What the state directory remembers of its store, so that a head never starts blank beside a state that lies elsewhere:
 * `store.json` says that it is in PostgreSQL and where, `restoring.json` that a restore was not finished.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { StoreError } from '@drover/engine';
import { DATABASE_NAME } from './database-file.ts';

const NOTE = 'store.json';
const RESTORING = 'restoring.json';

/** Where the state of this directory lies, or null when it was never anywhere but here. */
export function readStoreNote(dir: string): string | null {
  return readLine(join(dir, NOTE), 'store');
}

/** @param label of the PostgreSQL store, without its password */
export function writeStoreNote(dir: string, label: string): void {
  if (readStoreNote(dir) !== label) writeDurably(join(dir, NOTE), `${JSON.stringify({ store: label })}\n`);
}

/** From here until `endRestore` no head starts on the directory. @param file the backup */
export function beginRestore(dir: string, file: string): void {
  writeDurably(join(dir, RESTORING), `${JSON.stringify({ restoring: file })}\n`);
}

export function endRestore(dir: string): void {
  rmSync(join(dir, RESTORING), { force: true });
  syncFolder(dir);
}

/** @throws {StoreError} fatal, when a restore was cut off */
export function refuseUnfinishedRestore(dir: string): void {
  const file = readLine(join(dir, RESTORING), 'restoring');
  if (file !== null)
    throw new StoreError(
      'fatal',
      `A restore of ${file} into ${dir} was cut off, so the state there is not whole. Run it again: drover head restore ${file} --state ${dir} --replace`,
    );
}

/** @throws {StoreError} fatal, when the state of this directory lies in PostgreSQL */
export function refuseElsewhere(dir: string): void {
  const where = readStoreNote(dir);
  if (where !== null)
    throw new StoreError(
      'fatal',
      `The state of ${dir} lies in PostgreSQL, at ${where}. Start with --store postgres://... or DROVER_STORE; to move it back here: drover head backup FILE --store postgres://..., then drover head restore FILE.`,
    );
}

/** @throws {StoreError} fatal, when there is a database in the directory that PostgreSQL would hide */
export function refuseBeside(dir: string): void {
  const path = join(dir, DATABASE_NAME);
  if (existsSync(path))
    throw new StoreError(
      'fatal',
      `There is a state in ${path}, and a start with PostgreSQL would not see it. To move it: drover head backup FILE, then drover head restore FILE --store postgres://... --replace. To leave it, move the file away.`,
    );
}

function readLine(path: string, field: string): string | null {
  if (!existsSync(path)) return null;
  try {
    return String((JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>)[field]);
  } catch {
    return `(${path} cannot be read)`;
  }
}

/** Replaces a file of the state directory, mode 0600; there after a power cut too. */
export function writeDurably(path: string, text: string): void {
  const draft = `${path}.${process.pid}.tmp`;
  const file = openSync(draft, 'w', 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(draft, path);
  syncFolder(dirname(path));
}

function syncFolder(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
