/** Writes a backup: one file, whole or not at all. */
import { createHash } from 'node:crypto';
import { open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { CollectionName } from '@drover/engine';
import { readStoreNote } from '../store-note.ts';
import { TABLES } from '../tables.ts';
import {
  BACKUP_FORMAT,
  BackupError,
  type BackupHeader,
  type BackupRecord,
  encodeRecord,
  STATE_FILES,
} from './format.ts';
import { type Snapshot, snapshotPostgres, snapshotSqlite } from './snapshot.ts';

/** What a backup is made of and where it goes. */
export interface BackupOptions {
  readonly stateDir: string;
  /** `postgres://...`, or null for SQLite in the state directory. */
  readonly store: string | null;
  readonly file: string;
  /** Also the archived logs. */
  readonly withLogs: boolean;
  /** A file that is there is replaced. */
  readonly replace: boolean;
  readonly version: string;
}

/** What was written. */
export interface BackupSummary {
  readonly file: string;
  readonly bytes: number;
  readonly rows: number;
  readonly header: BackupHeader;
}

const BLOB_BYTES = 256 * 1024;

/**
 * Reads one snapshot and writes it beside a head that goes on. The file has mode 0600: the admin token and the key of
 * the secrets are in it.
 * @throws {BackupError} when there is nothing to back up, or the file is there already
 */
export async function backUp(options: BackupOptions): Promise<BackupSummary> {
  const { file } = options;
  if (!options.replace && (await sizeOf(file)) !== null)
    throw new BackupError(`${file} is there already: choose another name, or say --replace`);
  const snapshot = await openSnapshot(options);
  const draft = `${file}.${process.pid}.partial`;
  const lines = new Lines(options.version, snapshot);
  try {
    await lines.begin();
    // Opened before anything can fail: a stream that opens it later may make it when it is removed already.
    const target = await open(draft, 'wx', 0o600);
    await pipeline(
      Readable.from(lines.write(recordsOf(snapshot, options)), { highWaterMark: 16 }),
      createGzip(),
      target.createWriteStream({ flush: true }),
    );
    const bytes = (await sizeOf(draft)) ?? 0;
    await rename(draft, file);
    await syncFolder(dirname(file));
    return { file, bytes, rows: lines.rows, header: lines.header };
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  } finally {
    await snapshot.close();
  }
}

async function openSnapshot({ stateDir, store }: BackupOptions): Promise<Snapshot> {
  if (store !== null) return await snapshotPostgres(store);
  const where = readStoreNote(stateDir);
  if (where !== null)
    throw new BackupError(
      `the state of ${stateDir} lies in PostgreSQL, at ${where}: say --store postgres://... or set DROVER_STORE`,
    );
  return await snapshotSqlite(stateDir);
}

/** Counts and sums what is written. */
class Lines {
  readonly #version: string;
  readonly #snapshot: Snapshot;
  readonly #hash = createHash('sha256');
  #count = 0;
  rows = 0;
  header!: BackupHeader;

  constructor(version: string, snapshot: Snapshot) {
    this.#version = version;
    this.#snapshot = snapshot;
  }

  async begin(): Promise<void> {
    const { kind, schema, head } = this.#snapshot;
    let herd: string | null = null;
    let rev = 0;
    for await (const row of this.#snapshot.rows('meta')) {
      rev = Math.max(rev, row.rev);
      if (row.id === 'herd') herd = String((JSON.parse(row.body) as { value?: unknown }).value);
    }
    this.header = {
      drover: 'backup',
      format: BACKUP_FORMAT,
      schema,
      version: this.#version,
      store: kind,
      herd,
      ...head,
      rev,
      at: new Date().toISOString(),
    };
  }

  async *write(records: AsyncIterable<BackupRecord>): AsyncIterable<string> {
    yield this.#line(JSON.stringify(this.header));
    for await (const record of records) {
      if (record.kind === 'row') this.rows += 1;
      yield this.#line(encodeRecord(record));
    }
    const end = { lines: this.#count, rows: this.rows, sha256: this.#hash.digest('hex') };
    yield `${JSON.stringify({ end })}\n`;
  }

  #line(text: string): string {
    const line = `${text}\n`;
    this.#hash.update(line);
    this.#count += 1;
    return line;
  }
}

async function* recordsOf(
  snapshot: Snapshot,
  { stateDir, withLogs }: BackupOptions,
): AsyncIterable<BackupRecord> {
  for (const collection of Object.keys(TABLES) as CollectionName[]) {
    for await (const row of snapshot.rows(collection)) yield { kind: 'row', collection, row };
    yield { kind: 'mark', collection, seq: await snapshot.maxSeq(collection) };
  }
  for (const name of STATE_FILES) {
    const text = await readFile(join(stateDir, name), 'utf8').catch(unlessMissing);
    if (text !== null) yield { kind: 'file', name, text };
  }
  if (withLogs) yield* blobsOf(join(stateDir, 'blobs'));
}

/** Logs lie at `log/<first two>/<id>/<attempt>`. One that is deleted meanwhile is left out. */
async function* blobsOf(root: string): AsyncIterable<BackupRecord> {
  const entries = await readdir(join(root, 'log'), { recursive: true, withFileTypes: true }).catch(
    unlessMissing,
  );
  for (const entry of entries ?? []) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const key = `log/${path.split('/').slice(-2).join('/')}`;
    const file = await open(path).catch(unlessMissing);
    if (file === null) continue;
    try {
      const buffer = Buffer.alloc(BLOB_BYTES);
      for (let first = true; ; first = false) {
        const { bytesRead } = await file.read(buffer, 0, BLOB_BYTES);
        if (bytesRead === 0 && !first) break;
        yield { kind: 'blob', key, data: buffer.subarray(0, bytesRead) };
        if (bytesRead < BLOB_BYTES) break;
      }
    } finally {
      await file.close();
    }
  }
}

async function sizeOf(path: string): Promise<number | null> {
  return (await stat(path).catch(unlessMissing))?.size ?? null;
}

function unlessMissing(error: unknown): null {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
  throw error;
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
