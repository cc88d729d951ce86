/** Joins commits: while the thread writes, batches gather, and the next group is one transaction. */
import { type Batch, StoreError } from '@drover/engine';
import { type CommitResults, type PackedBatch, packBatch } from './messages.ts';
import { toStoreError } from './thread-client.ts';

/** Limits of one transaction; at least one batch always goes. */
const GROUP_BATCHES = 256;
const GROUP_CHANGES = 10_000;
/** Batches that may wait. Beyond it they are refused as busy. */
const MAX_WAITING = 10_000;

interface Waiting {
  readonly batch: PackedBatch;
  resolve(): void;
  reject(error: StoreError): void;
}

/**
 * The queue before the commit thread. When a batch is refused as full or busy, all that come after it are refused in the
 * same way until it is tried again: they would leave a gap, and nothing of them was written either.
 */
export class CommitQueue {
  readonly #write: (group: readonly PackedBatch[]) => Promise<CommitResults>;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | null = null;
  #refused: { readonly number: number; readonly error: StoreError } | null = null;
  #closed = false;

  constructor(write: (group: readonly PackedBatch[]) => Promise<CommitResults>) {
    this.#write = write;
  }

  /** Resolves when the batch is durable. @throws {StoreError} */
  add(batch: Batch): Promise<void> {
    if (this.#closed) return Promise.reject(new StoreError('fatal', 'The store is closed.'));
    if (this.#refused && batch.number > this.#refused.number) return Promise.reject(this.#refused.error);
    if (this.#waiting.length >= MAX_WAITING) {
      const error = new StoreError('busy', `${MAX_WAITING} batches wait to be written.`);
      this.#refused = { number: batch.number, error };
      return Promise.reject(error);
    }
    let packed: PackedBatch;
    try {
      packed = packBatch(batch);
    } catch (cause) {
      return Promise.reject(
        new StoreError('fatal', `Batch ${batch.number} cannot be written: ${String(cause)}`),
      );
    }
    if (batch.number === this.#refused?.number) this.#refused = null;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ batch: packed, resolve, reject });
      this.#writing ??= Promise.resolve().then(() => this.#drain());
    });
  }

  /** Refuses new batches and waits for those that are here. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#writing) await this.#writing;
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) await this.#writeGroup(this.#takeGroup());
    this.#writing = null;
  }

  #takeGroup(): Waiting[] {
    let size = 0;
    let changes = 0;
    for (const { batch } of this.#waiting) {
      changes += batch.collections.length;
      if (size > 0 && (size === GROUP_BATCHES || changes > GROUP_CHANGES)) break;
      size++;
    }
    return this.#waiting.splice(0, size);
  }

  async #writeGroup(group: readonly Waiting[]): Promise<void> {
    let results: CommitResults;
    try {
      results = await this.#write(group.map(({ batch }) => batch));
    } catch (error) {
      const failure =
        error instanceof StoreError ? error : new StoreError('fatal', String(error), { cause: error });
      for (const { reject } of group) reject(failure);
      return;
    }
    for (const [index, { batch, resolve, reject }] of group.entries()) {
      const failed = results[index];
      if (!failed) {
        resolve();
        continue;
      }
      const error = toStoreError(failed);
      this.#refuseAfter(batch.number, error);
      reject(error);
    }
  }

  #refuseAfter(number: number, error: StoreError): void {
    if (error.failure !== 'fatal' && (!this.#refused || number < this.#refused.number))
      this.#refused = { number, error };
    const later = this.#waiting.filter(({ batch }) => batch.number > number);
    this.#waiting = this.#waiting.filter(({ batch }) => batch.number <= number);
    for (const { reject } of later) reject(error);
  }
}
