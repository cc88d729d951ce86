/** What an error of SQLite means for the head. Runs in the threads, so it knows the engine's types only. */
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { StoreFailure } from '@drover/engine';

/** A failure that crosses to the main thread and becomes a StoreError there. */
export class ThreadFailure extends Error {
  readonly failure: StoreFailure;
  constructor(failure: StoreFailure, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'ThreadFailure';
    this.failure = failure;
  }
}

const BUSY = 5;
const LOCKED = 6;
const IOERR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const NOTADB = 26;
/** SQLITE_IOERR_FSYNC and SQLITE_IOERR_DIR_FSYNC: the kernel may have dropped the pages; nothing tells which. */
const FAILED_SYNC: ReadonlySet<number> = new Set([IOERR | (4 << 8), IOERR | (5 << 8)]);

/** The extended result code of SQLite: `rawCode` in libsql, `errcode` in node:sqlite. Null for any other error. */
function sqliteCode(error: unknown): number | null {
  if (typeof error !== 'object' || error === null) return null;
  const { rawCode, errcode } = error as { rawCode?: unknown; errcode?: unknown };
  if (typeof rawCode === 'number') return rawCode;
  return typeof errcode === 'number' ? errcode : null;
}

/** Whether the file itself is damaged. */
export function isDamage(error: unknown): boolean {
  const primary = (sqliteCode(error) ?? 0) & 0xff;
  return primary === CORRUPT || primary === NOTADB;
}

/**
 * Maps an error of a read or a write. Everything that is not surely harmless is fatal.
 * @param probeFull answers whether the disk is full. SQLite hides that in other I/O errors (a quota, the shared memory
 * file of the WAL), so it is asked then.
 */
export function failureOf(error: unknown, path: string, probeFull: () => boolean): ThreadFailure {
  if (error instanceof ThreadFailure) return error;
  const code = sqliteCode(error);
  const detail = `${error instanceof Error ? error.message : String(error)}${code === null ? '' : ` (SQLite code ${code})`}`;
  const fail = (failure: StoreFailure, what: string) =>
    new ThreadFailure(failure, `${what} ${path}: ${detail}`, { cause: error });
  if (code === null) return fail('fatal', 'The store failed on');
  if (isDamage(error)) return fail('fatal', 'The database is damaged:');
  if (FAILED_SYNC.has(code)) return fail('fatal', 'A sync to disk failed for');
  const primary = code & 0xff;
  if (primary === FULL) return fail('full', 'The disk is full for');
  if (primary === BUSY || primary === LOCKED) return fail('busy', 'Another process holds the database');
  if ((primary === IOERR || primary === CANTOPEN) && probeFull()) return fail('full', 'The disk is full for');
  return fail('fatal', 'The store failed on');
}

/** Writes and syncs a small file in the folder to learn whether there is room. */
export function diskIsFull(dir: string): boolean {
  const path = join(dir, `.probe-${process.pid}`);
  try {
    const file = openSync(path, 'w', 0o600);
    try {
      writeSync(file, new Uint8Array(64 * 1024));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    return false;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOSPC' || code === 'EDQUOT';
  } finally {
    rmSync(path, { force: true });
  }
}
