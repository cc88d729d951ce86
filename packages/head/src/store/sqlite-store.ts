/** The default store: one SQLite database in the state directory, written and read by two threads. */
import type { Batch, CollectionName, Logger, PageQuery, Store, StoredRow } from '@drover/engine';
import { CommitQueue } from './commit-queue.ts';
import { checkStateFiles, ensurePrivateDir } from './state-dir.ts';
import { ThreadClient } from './thread-client.ts';
import { threadFile } from './thread-file.ts';

/** The SQLite store, and which driver it runs on. */
export interface SqliteStore extends Store {
  readonly kind: 'sqlite';
  readonly driver: string;
}

/**
 * Opens `<dir>/drover.db`, or makes it. The directory is locked until `close`.
 * @throws {StoreError} `busy` when another head has the directory; `full` when there is no room to open it; `fatal` for
 * damage or a newer schema.
 * @throws {Error} when the directory is not ours alone.
 */
export async function openSqliteStore(options: { dir: string; log: Logger }): Promise<SqliteStore> {
  const { dir, log } = options;
  const started = performance.now();
  ensurePrivateDir(dir);
  checkStateFiles(dir);
  const file = await threadFile();
  const writer = await ThreadClient.start(file, { role: 'write', dir });
  const reader = await ThreadClient.start(file, { role: 'read', dir }).catch(async (error: unknown) => {
    await writer.client.close();
    throw error;
  });
  log.info(
    {
      dir,
      driver: writer.driver,
      schemaWas: writer.migratedFrom,
      ms: Math.round(performance.now() - started),
    },
    'store opened',
  );
  return new ThreadedStore(writer.driver, writer.client, reader.client);
}

class ThreadedStore implements SqliteStore {
  readonly kind = 'sqlite';
  readonly driver: string;
  readonly #writer: ThreadClient;
  readonly #reader: ThreadClient;
  readonly #queue: CommitQueue;
  #closing: Promise<void> | null = null;

  constructor(driver: string, writer: ThreadClient, reader: ThreadClient) {
    this.driver = driver;
    this.#writer = writer;
    this.#reader = reader;
    this.#queue = new CommitQueue((group) => writer.call('commit', group));
  }

  last(): Promise<{ batch: number; epoch: number }> {
    return this.#reader.call('last', null);
  }

  load(collection: CollectionName, statuses?: readonly string[]): Promise<StoredRow[]> {
    return this.#reader.rows('load', { collection, ...(statuses ? { statuses } : {}) });
  }

  maxSeq(collection: CollectionName): Promise<number> {
    return this.#reader.call('maxSeq', collection);
  }

  commit(batch: Batch): Promise<void> {
    return this.#queue.add(batch);
  }

  page(query: PageQuery): Promise<StoredRow[]> {
    return this.#reader.rows('page', query);
  }

  get(collection: CollectionName, id: string): Promise<StoredRow | null> {
    return this.#reader.call('get', { collection, id });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** The reader first: the last connection to close copies the log into the database and removes it. */
  async #close(): Promise<void> {
    await this.#queue.close();
    await this.#reader.close();
    await this.#writer.close();
  }
}
