/**
 * Takes sealed changes to the store, one batch at a time, and says which revision is durable.
 *
 * - IDLE: nothing is waiting. `add` starts a batch.
 * - WRITING: one batch is at the store; what comes meanwhile is gathered for the next (group commit).
 * - STALLED: the store refused for want of space or is busy. The same batch is tried again with back-off, and
 *   `stalled` tells the services to refuse new writes. The first success leaves it. A store that does not answer, or is
 *   too slow for what comes, counts as stalled too, as long as that lasts.
 * - DEAD: the store failed for good, or the head is stopping. Nothing is accepted; the process is ending.
 */
import type { Clock, Meter, Store, StoreChange } from '../ports.ts';
import { StoreError } from '../ports.ts';

/** At most so many changes in one batch, so that one transaction of the database stays short. */
const BATCH_CHANGES = 5_000;
const RETRY_MS = { first: 100, most: 2_000 } as const;
/** Changes that may wait for the store before new writes are refused, and how long one write may take until then. */
const MOST_WAITING = 20_000;
const SLOW_MS = 3_000;

export class Committer {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #meter: Meter | undefined;
  readonly #onDurable: (rev: number) => void;
  readonly #onFatal: (error: Error) => void;
  readonly #queue: { rev: number; changes: StoreChange[] }[] = [];
  #number: number;
  #epoch: number;
  #mode: 'IDLE' | 'WRITING' | 'DEAD' = 'IDLE';
  /** Why the store refused last, or null. */
  #refusal: string | null = null;
  /** Changes in the queue. */
  #waiting = 0;
  /** Changes at the store. */
  #writing = 0;
  #sinceMs = 0;

  constructor(options: {
    store: Store;
    clock: Clock;
    batch: number;
    epoch: number;
    meter?: Meter | undefined;
    onDurable: (rev: number) => void;
    onFatal: (error: Error) => void;
  }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#meter = options.meter;
    this.#number = options.batch;
    this.#epoch = options.epoch;
    this.#onDurable = options.onDurable;
    this.#onFatal = options.onFatal;
  }

  /** Why nothing new should be written at present, or null. */
  get stalled(): string | null {
    if (this.#refusal !== null) return this.#refusal;
    if (this.#waiting > MOST_WAITING) return `the store is too slow: ${this.#waiting} changes wait for it`;
    const lastsMs = this.#mode === 'WRITING' ? this.#clock.monoMs() - this.#sinceMs : 0;
    return lastsMs > SLOW_MS ? `the store has not answered for ${Math.round(lastsMs / 1000)} s` : null;
  }

  /** Changes that are not known to be durable. */
  get undurable(): number {
    return this.#waiting + this.#writing;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** Later batches carry this epoch. */
  raiseEpoch(epoch: number): void {
    this.#epoch = Math.max(this.#epoch, epoch);
  }

  /** Changes of one sealed turn; `rev` becomes durable with them. */
  add(rev: number, changes: StoreChange[]): void {
    if (this.#mode === 'DEAD') return;
    this.#queue.push({ rev, changes });
    this.#waiting += changes.length;
    if (this.#mode === 'IDLE') this.#write();
  }

  /** Takes nothing any more: what comes from now on was never acknowledged to anybody. */
  stop(): void {
    this.#mode = 'DEAD';
  }

  #write(): void {
    if (this.#mode === 'DEAD') return;
    const changes: StoreChange[] = [];
    let rev = 0;
    while (this.#queue.length > 0 && changes.length < BATCH_CHANGES) {
      const sealed = this.#queue.shift() as { rev: number; changes: StoreChange[] };
      rev = sealed.rev;
      for (const change of sealed.changes) changes.push(change);
      this.#waiting -= sealed.changes.length;
    }
    if (rev === 0) {
      this.#mode = 'IDLE';
      return;
    }
    this.#mode = 'WRITING';
    this.#writing = changes.length;
    this.#sinceMs = this.#clock.monoMs();
    this.#number += 1;
    this.#attempt({ number: this.#number, epoch: this.#epoch, changes }, rev, RETRY_MS.first);
  }

  #attempt(
    batch: { number: number; epoch: number; changes: StoreChange[] },
    rev: number,
    backOffMs: number,
  ): void {
    this.#store.commit(batch).then(
      () => {
        this.#refusal = null;
        this.#writing = 0;
        this.#meter?.committed({
          changes: batch.changes.length,
          ms: this.#clock.monoMs() - this.#sinceMs,
        });
        this.#onDurable(rev);
        this.#write();
      },
      (error: unknown) => {
        if (error instanceof StoreError && error.failure !== 'fatal') {
          this.#refusal = error.message;
          this.#meter?.commitRefused(error.failure);
          this.#clock.after(backOffMs, () =>
            this.#attempt(batch, rev, Math.min(backOffMs * 2, RETRY_MS.most)),
          );
          return;
        }
        this.#mode = 'DEAD';
        this.#onFatal(error instanceof Error ? error : new Error(String(error)));
      },
    );
  }
}
