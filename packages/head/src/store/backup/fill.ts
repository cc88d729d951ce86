/** Puts the records of a backup into an empty store, in batches. */
import type { CollectionName, Store, StoreChange } from '@drover/engine';
import type { BackupHeader, BackupRecord } from './format.ts';

/** Changes and characters of one batch: what is held in memory at once. */
const BATCH_CHANGES = 1_000;
const BATCH_CHARS = 1024 * 1024;

/**
 * The epoch of a restored state. The herd may have counted beyond that of the backup since, in this state or in another
 * that was restored: the time in seconds is above all of them, and above every earlier restore.
 */
export const restoredEpoch = (header: BackupHeader): number =>
  Math.max(header.epoch + 1, Math.floor(Date.now() / 1000));

/** Fills one store. */
export class Filler {
  readonly #store: Store;
  #changes: StoreChange[] = [];
  #chars = 0;
  #number = 0;
  #epoch = 1;
  #metaSeq = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Rows and marks; other records are not for the store. */
  async take(record: BackupRecord, header: BackupHeader): Promise<void> {
    this.#epoch = header.epoch;
    if (record.kind === 'row') {
      const { collection, row } = record;
      if (collection === 'meta') this.#metaSeq = Math.max(this.#metaSeq, row.seq);
      await this.#add({ op: 'put', collection, row }, row.body.length);
    } else if (record.kind === 'mark') await this.#mark(record.collection, record.seq);
  }

  /** Stores the rest, and the note by which the next head knows that its state is an older one. */
  async finish(header: BackupHeader, file: string): Promise<{ batch: number; epoch: number }> {
    const value = `${file}, of ${header.at}, epoch ${header.epoch}, revision ${header.rev}`;
    const note = {
      id: 'restored',
      seq: this.#metaSeq + 1,
      project: 'default',
      name: null,
      status: 'SET',
      owner: null,
      rev: header.rev,
      v: 1,
      body: JSON.stringify({ value }),
    };
    await this.#flush();
    this.#epoch = restoredEpoch(header);
    await this.#add({ op: 'put', collection: 'meta', row: note }, value.length);
    await this.#flush();
    return { batch: this.#number, epoch: this.#epoch };
  }

  /** The highest seq that was ever given, by a row that comes and goes within one batch. */
  async #mark(collection: CollectionName, seq: number): Promise<void> {
    if (collection === 'meta') this.#metaSeq = Math.max(this.#metaSeq, seq);
    if (seq === 0 || seq === (await this.#highest(collection))) return;
    const id = `mark ${seq}`;
    const row = { id, seq, project: '', name: null, status: '', owner: null, rev: 0, v: 1, body: '{}' };
    await this.#add({ op: 'put', collection, row }, 0);
    await this.#add({ op: 'delete', collection, id }, 0);
  }

  async #highest(collection: CollectionName): Promise<number> {
    await this.#flush();
    return await this.#store.maxSeq(collection);
  }

  async #add(change: StoreChange, chars: number): Promise<void> {
    this.#changes.push(change);
    this.#chars += chars;
    if (this.#changes.length >= BATCH_CHANGES || this.#chars >= BATCH_CHARS) await this.#flush();
  }

  async #flush(): Promise<void> {
    if (this.#changes.length === 0) return;
    const changes = this.#changes;
    this.#changes = [];
    this.#chars = 0;
    this.#number += 1;
    await this.#store.commit({ number: this.#number, epoch: this.#epoch, changes });
  }
}
