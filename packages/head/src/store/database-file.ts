/** Opens, makes and checks the database file. Runs in the commit thread. */
import { chmodSync, closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { SqlDatabase, SqlDriver } from './driver.ts';
import { diskIsFull, failureOf, isDamage, ThreadFailure } from './failures.ts';
import { howToRestore, inspect, migrate } from './migrations.ts';

/** How long a connection waits for another process before it reports busy. */
const BUSY_TIMEOUT_MS = 2_000;
/** What the write-ahead log is cut back to after a burst. */
const WAL_KEPT_BYTES = 64 * 1024 * 1024;

/** Name of the database within the state directory. */
export const DATABASE_NAME = 'drover.db';

/** An open state: the database, and the lock that keeps other heads out until it is released. */
export interface OpenedFile {
  readonly db: SqlDatabase;
  readonly migratedFrom: number;
  release(): void;
}

/**
 * Locks the directory, makes the database when there is none, checks it in full and migrates it.
 * @throws {ThreadFailure} `busy` when another head holds the directory; `fatal` for damage or a newer schema.
 */
export function openForWriting(driver: SqlDriver, dir: string): OpenedFile {
  const path = join(dir, DATABASE_NAME);
  const releaseLock = lockDirectory(driver, dir);
  let db: SqlDatabase | null = null;
  try {
    if (!existsSync(path)) create(driver, dir, path);
    for (const suffix of ['', '-wal', '-shm']) if (existsSync(path + suffix)) chmodSync(path + suffix, 0o600);
    db = driver.open(path);
    db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    quickCheck(db, path);
    const migratedFrom = inspect(db, path);
    configure(db); // writes to the file, so only now
    migrate(db, migratedFrom);
    const opened = db;
    return {
      db,
      migratedFrom,
      release() {
        try {
          opened.prepare('PRAGMA wal_checkpoint(TRUNCATE)').all([]);
        } catch {
          // The log is durable and is read at the next open: a full disk is no reason to fail here.
        }
        opened.close();
        releaseLock();
      },
    };
  } catch (error) {
    db?.close();
    releaseLock();
    throw openingFailure(error, path);
  }
}

/** What went wrong with a database as a whole, with what to do about it. */
export function openingFailure(error: unknown, path: string): ThreadFailure {
  if (isDamage(error)) return damaged(path, error);
  return failureOf(error, path, () => diskIsFull(dirname(path)));
}

/** A second connection that can only read. */
export function openForReading(driver: SqlDriver, dir: string): SqlDatabase {
  const path = join(dir, DATABASE_NAME);
  if (!existsSync(path)) throw new ThreadFailure('fatal', `There is no database at ${path}.`);
  const db = driver.open(path);
  db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}; PRAGMA query_only = 1`);
  return db;
}

function configure(db: SqlDatabase): void {
  db.prepare('PRAGMA journal_mode = WAL').all([]);
  db.exec('PRAGMA synchronous = FULL');
  // SQLite hides the errors of an automatic checkpoint, a failed sync among them. So the writer makes its own.
  db.prepare('PRAGMA wal_autocheckpoint = 0').all([]);
  db.prepare(`PRAGMA journal_size_limit = ${WAL_KEPT_BYTES}`).all([]);
}

/** Made under another name and renamed when whole: so a blank file at the true name is always a loss, never a start. */
function create(driver: SqlDriver, dir: string, path: string): void {
  if (existsSync(`${path}-wal`))
    throw new ThreadFailure(
      'fatal',
      `The database ${path} is missing, but its log ${path}-wal is there. Put the file back. ${howToRestore(dir)}`,
    );
  const draft = `${path}.new`;
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(draft + suffix, { force: true });
  closeSync(openSync(draft, 'wx', 0o600)); // SQLite gives the log files the mode of the database
  const db = driver.open(draft);
  try {
    migrate(db, 0);
  } finally {
    db.close();
  }
  syncPath(draft);
  renameSync(draft, path);
  syncPath(dir);
  syncPath(dirname(dir));
}

/** Reads the whole database. @throws {ThreadFailure} fatal, when it is damaged */
export function quickCheck(db: SqlDatabase, path: string): void {
  const found = db.prepare('PRAGMA quick_check(3)').all([]).flat();
  if (found.length !== 1 || found[0] !== 'ok') throw damaged(path, found.join('; '));
}

function damaged(path: string, cause: unknown): ThreadFailure {
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new ThreadFailure(
    'fatal',
    `The database ${path} is damaged (${detail}). Nothing was changed. ${howToRestore(dirname(path))}`,
    { cause },
  );
}

/**
 * An exclusive lock of SQLite on a file of its own: the system drops it when the process ends in whatever way.
 * @returns the way to give it back. @throws {ThreadFailure} `busy` when another head holds the directory
 */
export function lockDirectory(driver: SqlDriver, dir: string): () => void {
  const path = join(dir, 'drover.lock');
  if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600));
  const db = driver.open(path);
  try {
    db.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    const failure = failureOf(error, path, () => diskIsFull(dir));
    if (failure.failure !== 'busy') throw failure;
    throw new ThreadFailure('busy', `The state directory ${dir} is in use by another head.`, {
      cause: error,
    });
  }
  return () => {
    db.exec('ROLLBACK');
    db.close();
  };
}

function syncPath(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
