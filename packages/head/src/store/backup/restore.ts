/** Restores a backup: the new state is made beside the old one and takes its place when it is whole. */
import { existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { Blobs, Logger, Store } from '@drover/engine';
import { openFolderBlobs } from '../../blobs/folder-blobs.ts';
import { DATABASE_NAME, lockDirectory } from '../database-file.ts';
import { loadDriver } from '../driver.ts';
import { openSqliteStore } from '../sqlite-store.ts';
import { ensurePrivateDir } from '../state-dir.ts';
import { beginRestore, endRestore, writeDurably, writeStoreNote } from '../store-note.ts';
import { Filler } from './fill.ts';
import { BackupError, type BackupHeader, type BackupRecord, STATE_FILES } from './format.ts';
import { LogFiles } from './log-files.ts';
import { postgresTarget } from './postgres-target.ts';
import { readBackup } from './read-backup.ts';

/** What is restored to where. */
export interface RestoreOptions {
  readonly file: string;
  readonly stateDir: string;
  /** `postgres://...`, or null for SQLite in the state directory. */
  readonly store: string | null;
  /** What is there is set aside. Without it, anything there is a refusal. */
  readonly replace: boolean;
}

/** What was restored. */
export interface RestoreSummary {
  readonly header: BackupHeader;
  readonly rows: number;
  readonly logs: number;
  /** The epoch that the state has now; the next head has the one after it. */
  readonly epoch: number;
  /** Where the old state is now: folders and schemas. */
  readonly setAside: readonly string[];
}

/** Where the new state is made, and how it takes its place. */
export interface RestoreTarget {
  /** An empty store that nobody sees yet. */
  readonly store: Store;
  /** For the note in the state directory; null when the state lies there itself. */
  readonly label: string | null;
  /** Called when all is in it and it is closed. @returns where the old one is now, or null when there was none */
  takePlace(stamp: string): Promise<string | null>;
  /** In any case, at the end. */
  clean(): Promise<void>;
}

const DRAFT = 'restore-draft';
const OLD_FILES = [DATABASE_NAME, `${DATABASE_NAME}-wal`, `${DATABASE_NAME}-shm`, 'store.json'];
const log: Logger = { info() {}, warn() {}, error() {} };

/**
 * Reads the whole backup before anything is touched.
 * @throws {BackupError} for a backup that is not whole, or a place where something is
 * @throws {StoreError} when a head runs on the place, or there is no room
 */
export async function restore(options: RestoreOptions): Promise<RestoreSummary> {
  const { file, stateDir } = options;
  await readBackup(file, () => undefined);
  ensurePrivateDir(stateDir);
  const unlock = lockDirectory(await loadDriver(), stateDir);
  try {
    refuseOccupied(options);
    const draft = join(stateDir, DRAFT);
    rmSync(draft, { recursive: true, force: true });
    mkdirSync(draft, { mode: 0o700 });
    try {
      const target =
        options.store === null
          ? await sqliteTarget(stateDir, draft)
          : await postgresTarget(options.store, options.replace);
      try {
        return await fillAndReplace(options, target, draft);
      } finally {
        await target.store.close();
        await target.clean();
      }
    } finally {
      rmSync(draft, { recursive: true, force: true });
    }
  } finally {
    unlock();
  }
}

function refuseOccupied({ stateDir, replace }: RestoreOptions): void {
  if (replace) return;
  const found = [...OLD_FILES, ...STATE_FILES].filter((name) => existsSync(join(stateDir, name)));
  if (found.length > 0)
    throw new BackupError(
      `there is a state in ${stateDir} (${found.join(', ')}): say --replace to set it aside, or name another folder with --state. Nothing was changed.`,
    );
}

async function fillAndReplace(
  options: RestoreOptions,
  target: RestoreTarget,
  draft: string,
): Promise<RestoreSummary> {
  const { stateDir, file } = options;
  const filler = new Filler(target.store);
  const blobs: Blobs = openFolderBlobs({ dir: join(stateDir, 'blobs') });
  const logs = new LogFiles(blobs, target.store);
  const texts = new Map<string, string>();
  const take = async (record: BackupRecord, header: BackupHeader): Promise<void> => {
    if (record.kind === 'file') texts.set(record.name, record.text);
    else if (record.kind === 'blob') await logs.take(record.key, record.data);
    else await filler.take(record, header);
  };
  const { header, rows } = await readBackup(file, take);
  await logs.end();
  const { epoch } = await filler.finish(header, basename(file));
  await target.store.close();
  for (const [name, text] of texts) writeDurably(join(draft, name), text);
  const stamp = new Date()
    .toISOString()
    .replaceAll(/[-:]|\.\d+Z/g, '')
    .toLowerCase();
  beginRestore(stateDir, resolve(file));
  const setAside: string[] = [];
  const folder = moveAside(stateDir, stamp, [...OLD_FILES, ...texts.keys()]);
  if (folder) setAside.push(folder);
  for (const name of texts.keys()) renameSync(join(draft, name), join(stateDir, name));
  const old = await target.takePlace(stamp);
  if (old) setAside.push(old);
  if (target.label !== null) writeStoreNote(stateDir, target.label);
  endRestore(stateDir);
  return { header, rows, logs: logs.count, epoch, setAside };
}

/** Moved, never deleted: a restore of the wrong backup can be taken back. */
function moveAside(stateDir: string, stamp: string, names: readonly string[]): string | null {
  const found = names.filter((name) => existsSync(join(stateDir, name)));
  if (found.length === 0) return null;
  let folder = join(stateDir, `replaced-${stamp}`);
  for (let n = 2; existsSync(folder); n++) folder = join(stateDir, `replaced-${stamp}-${n}`);
  mkdirSync(folder, { mode: 0o700 });
  for (const name of found) renameSync(join(stateDir, name), join(folder, name));
  return folder;
}

async function sqliteTarget(stateDir: string, draft: string): Promise<RestoreTarget> {
  return {
    store: await openSqliteStore({ dir: draft, log }),
    label: null,
    async takePlace() {
      // Rows that did not fit into the database stay beside it, and would be left behind.
      const rest = statSync(join(draft, `${DATABASE_NAME}-wal`), { throwIfNoEntry: false })?.size ?? 0;
      if (rest > 0) throw new Error(`the disk has no room for the last ${rest} bytes of it`);
      renameSync(join(draft, DATABASE_NAME), join(stateDir, DATABASE_NAME));
      return null; // the old one was moved aside with the other files
    },
    async clean() {},
  };
}
