/** The store in PostgreSQL, for two heads of which one holds the lease. */
import type { Batch, CollectionName, Logger, PageQuery, Store, StoredRow } from '@drover/engine';
import { CommitQueue } from '../commit-queue.ts';
import { type PostgresAddress, parseAddress } from './address.ts';
import { PostgresReader } from './reader.ts';
import { PostgresWriter } from './writer.ts';

/** What a PostgreSQL store is opened with. */
export interface PostgresOptions {
  /** `postgres://...`, see address.ts. */
  readonly url: string;
  readonly log: Logger;
  /** Another head has taken over, or damage was found, while nothing was being written. */
  readonly onFatal: (error: Error) => void;
}

/** The PostgreSQL store; `label` is where, without the password. */
export interface PostgresStore extends Store {
  readonly kind: 'postgres';
  readonly label: string;
}

/**
 * Connects, takes the lease, and makes the tables when there are none.
 * @throws {StoreError} `busy` when another head has the lease (a {@link LeaseHeld}) or the server cannot be reached;
 * `fatal` for a newer schema, damage, or a database that is not ours.
 */
export async function openPostgresStore({ url, log, onFatal }: PostgresOptions): Promise<PostgresStore> {
  const address = parseAddress(url);
  const started = performance.now();
  const writer = new PostgresWriter(address, log, onFatal);
  const schemaWas = await writer.open();
  log.info({ store: address.label, schemaWas, ms: Math.round(performance.now() - started) }, 'store opened');
  return new LeasedStore(address, writer);
}

class LeasedStore implements PostgresStore {
  readonly kind = 'postgres';
  readonly label: string;
  readonly #writer: PostgresWriter;
  readonly #reader: PostgresReader;
  readonly #queue: CommitQueue;
  #closing: Promise<void> | null = null;

  constructor(address: PostgresAddress, writer: PostgresWriter) {
    this.label = address.label;
    this.#writer = writer;
    this.#reader = new PostgresReader(address);
    this.#queue = new CommitQueue((group) => writer.commit(group));
  }

  last(): Promise<{ batch: number; epoch: number }> {
    return this.#reader.last();
  }

  load(collection: CollectionName, statuses?: readonly string[]): Promise<StoredRow[]> {
    return this.#reader.load(collection, statuses);
  }

  maxSeq(collection: CollectionName): Promise<number> {
    return this.#reader.maxSeq(collection);
  }

  commit(batch: Batch): Promise<void> {
    return this.#queue.add(batch);
  }

  page(query: PageQuery): Promise<StoredRow[]> {
    return this.#reader.page(query);
  }

  get(collection: CollectionName, id: string): Promise<StoredRow | null> {
    return this.#reader.get(collection, id);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#queue.close();
    await this.#reader.close();
    await this.#writer.close();
  }
}
