/** A store in memory for engine tests and the simulation: no timers, no threads, and it can fail, stall and crash. */
import {
  type Batch,
  type CollectionName,
  type PageQuery,
  type Store,
  type StoredRow,
  StoreError,
  type StoreFailure,
} from '@drover/engine';

/** What a memory store is made with. */
export interface MemoryStoreOptions {
  /** Runs a write later. Default: a microtask. A simulation gives its own, to choose the order and the moment. */
  readonly schedule?: (write: () => void) => void;
}

interface Waiting {
  readonly batch: Batch;
  resolve(): void;
  reject(error: StoreError): void;
}

interface Durable {
  batch: number;
  epoch: number;
  readonly rows: Map<CollectionName, Map<string, StoredRow>>;
  readonly marks: Map<CollectionName, number>;
}

/** One write per batch, in order. Writes are durable when `schedule` runs them, and acknowledged right after. */
export class MemoryStore implements Store {
  readonly kind = 'memory';
  readonly #schedule: (write: () => void) => void;
  readonly #durable: Durable;
  #waiting: Waiting[] = [];
  #failures: StoreFailure[] = [];
  #refused: { readonly number: number; readonly error: StoreError } | null = null;
  #dead: StoreError | null = null;
  #paused = false;
  #crashed = false;
  #idle: (() => void)[] = [];

  constructor(options: MemoryStoreOptions = {}) {
    this.#schedule = options.schedule ?? queueMicrotask;
    this.#durable = { batch: 0, epoch: 0, rows: new Map(), marks: new Map() };
  }

  /** The next `times` writes fail so. After `fatal` the store stays dead. */
  failNext(failure: StoreFailure, times = 1): void {
    for (let i = 0; i < times; i++) this.#failures.push(failure);
  }

  /** Forgets the failures that were ordered and have not come. */
  healNow(): void {
    this.#failures = [];
  }

  /** Holds every write from now on. */
  pause(): void {
    this.#paused = true;
  }

  /** Lets the held writes go on, in order. */
  resume(): void {
    this.#paused = false;
    for (const _ of this.#waiting) this.#schedule(() => this.#writeNext());
  }

  /** Batches that wait for their write. */
  get pending(): number {
    return this.#waiting.length;
  }

  /**
   * The process dies: batches not yet written are lost and never answered. This store is of no use afterwards.
   * @param alsoDurable of the waiting batches, so many were written although nobody heard of it.
   * @returns a store that holds what was durable.
   */
  crash(alsoDurable = 0): MemoryStore {
    for (const { batch } of this.#waiting.splice(0, alsoDurable)) if (!this.#judge(batch)) this.#apply(batch);
    this.#waiting = [];
    this.#crashed = true;
    return this.copy();
  }

  /** Another store with what is durable now: a backup, or what is found after a crash. */
  copy(): MemoryStore {
    const next = new MemoryStore({ schedule: this.#schedule });
    next.#durable.batch = this.#durable.batch;
    next.#durable.epoch = this.#durable.epoch;
    for (const [name, rows] of this.#durable.rows) next.#durable.rows.set(name, new Map(rows));
    for (const [name, seq] of this.#durable.marks) next.#durable.marks.set(name, seq);
    return next;
  }

  /** Makes this an older copy: rows that were stored are no longer there. */
  forgetRows(collection: CollectionName, which: (row: StoredRow) => boolean): void {
    for (const row of this.#rows(collection))
      if (which(row)) this.#durable.rows.get(collection)?.delete(row.id);
  }

  /** Puts a row where a head will find it at its start. */
  plant(collection: CollectionName, row: StoredRow): void {
    const rows = this.#durable.rows.get(collection) ?? new Map<string, StoredRow>();
    this.#durable.rows.set(collection, rows.set(row.id, row));
  }

  /** What is durable now, at once. */
  peek(collection: CollectionName, id: string): StoredRow | null {
    return this.#durable.rows.get(collection)?.get(id) ?? null;
  }

  async last(): Promise<{ batch: number; epoch: number }> {
    return { batch: this.#durable.batch, epoch: this.#durable.epoch };
  }

  async load(collection: CollectionName, statuses?: readonly string[]): Promise<StoredRow[]> {
    return this.#rows(collection).filter((row) => !statuses || statuses.includes(row.status));
  }

  async maxSeq(collection: CollectionName): Promise<number> {
    return this.#durable.marks.get(collection) ?? 0;
  }

  async get(collection: CollectionName, id: string): Promise<StoredRow | null> {
    return this.#durable.rows.get(collection)?.get(id) ?? null;
  }

  async page(query: PageQuery): Promise<StoredRow[]> {
    const { collection, statuses, name, owner, project, beforeSeq, afterSeq, limit } = query;
    const found = this.#rows(collection).filter(
      (row) =>
        (!statuses || statuses.includes(row.status)) &&
        (name === undefined || row.name === name) &&
        (owner === undefined || row.owner === owner) &&
        (project === undefined || row.project === project) &&
        (beforeSeq === undefined || row.seq < beforeSeq) &&
        (afterSeq === undefined || row.seq > afterSeq),
    );
    return (afterSeq === undefined ? found.reverse() : found).slice(0, limit);
  }

  commit(batch: Batch): Promise<void> {
    if (this.#crashed) return Promise.reject(new StoreError('fatal', 'The store has crashed.'));
    if (this.#refused && batch.number > this.#refused.number) return Promise.reject(this.#refused.error);
    if (batch.number === this.#refused?.number) this.#refused = null;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ batch, resolve, reject });
      if (!this.#paused) this.#schedule(() => this.#writeNext());
    });
  }

  async close(): Promise<void> {
    if (this.#waiting.length > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
    this.#dead ??= new StoreError('fatal', 'The store is closed.');
  }

  /** One scheduled call per waiting batch; a call too many finds nothing to do. */
  #writeNext(): void {
    if (this.#paused) return;
    const next = this.#waiting.shift();
    if (!next) return;
    const stored = next.batch.number <= this.#durable.batch && next.batch.epoch === this.#durable.epoch;
    const failure = stored || this.#dead ? undefined : this.#failures.shift();
    const error =
      this.#dead ??
      (failure ? new StoreError(failure, `Ordered by the test: ${failure}.`) : this.#judge(next.batch));
    if (error) this.#refuse(next, error);
    else {
      if (!stored) this.#apply(next.batch);
      next.resolve();
    }
    if (this.#waiting.length === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  #refuse(refused: Waiting, error: StoreError): void {
    if (error.failure === 'fatal') this.#dead ??= error;
    else this.#refused = { number: refused.batch.number, error };
    refused.reject(error);
    const later = this.#waiting.filter(({ batch }) => batch.number > refused.batch.number);
    this.#waiting = this.#waiting.filter(({ batch }) => batch.number <= refused.batch.number);
    for (const { reject } of later) reject(error);
  }

  #judge(batch: Batch): StoreError | null {
    const { batch: last, epoch } = this.#durable;
    if (batch.epoch < epoch)
      return new StoreError('fatal', `Epoch ${batch.epoch} is over: the store has ${epoch}.`);
    if (batch.number <= last)
      return batch.epoch === epoch
        ? null
        : new StoreError('fatal', `Batch ${batch.number} is of another head.`);
    return batch.number === last + 1
      ? null
      : new StoreError('fatal', `Batch ${batch.number} does not follow on ${last}.`);
  }

  #apply(batch: Batch): void {
    const { rows, marks } = this.#durable;
    for (const change of batch.changes) {
      const table = rows.get(change.collection) ?? new Map<string, StoredRow>();
      rows.set(change.collection, table);
      if (change.op === 'delete') table.delete(change.id);
      else {
        table.set(change.row.id, { ...change.row });
        marks.set(change.collection, Math.max(marks.get(change.collection) ?? 0, change.row.seq));
      }
    }
    this.#durable.batch = batch.number;
    this.#durable.epoch = batch.epoch;
  }

  #rows(collection: CollectionName): StoredRow[] {
    return [...(this.#durable.rows.get(collection)?.values() ?? [])].sort((a, b) => a.seq - b.seq);
  }
}
