/**
 * The live state: the only writer of all rows. A transaction is synchronous; it gives one revision, updates the
 * indexes and wakes whoever watches. At the end of the turn the turn's changes are sealed: first the deciders run
 * (scheduler, controllers), so that what they decide is stored in the same commit, then all goes to the store.
 *
 * Nothing may leave the process before what it has read is durable: replies wait with {@link State.durable}, messages
 * with {@link State.whenDurable}.
 */
import { DroverError, isJobFinal, isRequestFinal } from '@drover/core';
import type { Actor } from '../actor.ts';
import { EventRings } from '../events/rings.ts';
import type { Clock, Ports, StoreChange } from '../ports.ts';
import { encodeRow } from './codec.ts';
import { Committer } from './committer.ts';
import { LiveIndex } from './live-index.ts';
import { COLLECTIONS, type Collection, type Collections, type EventRow, type RowBase } from './rows.ts';
import { Table } from './table.ts';
import { type EventDraft, type Tables, Transaction } from './transaction.ts';

export interface Change<C extends Collection = Collection> {
  readonly collection: C;
  readonly id: string;
  readonly before: Collections[C] | undefined;
  readonly after: Collections[C] | undefined;
}

/** What became durable together. */
export interface Published {
  readonly rev: number;
  readonly changes: readonly Change[];
  readonly events: readonly EventRow[];
}

/** How often the deciders may answer each other in one turn. */
const MOST_ROUNDS = 10;
/** A reply does not wait longer than this for a store that refuses. */
const DURABLE_WAIT_MS = 5_000;
/** A row cannot come back from a store that was asked before its deletion, for so many of the newest deletions. */
const DELETED_REMEMBERED = 20_000;

interface Waiter {
  readonly rev: number;
  readonly done: () => void;
}

export class State {
  readonly tables: Tables;
  readonly #clock: Clock;
  readonly #seqs: Record<Collection | 'events', number>;
  readonly #committer: Committer;
  #rev: number;
  #durableRev: number;
  #sealing = false;
  /** The turn's rows by collection/id, as they were when the turn began. */
  #turn = new Map<string, Change>();
  #turnEvents: EventRow[] = [];
  readonly #rings = new EventRings();
  #unpublished: Published[] = [];
  #waiters: Waiter[] = [];
  /** The newest deletions of this process, by collection/id. */
  readonly #deleted = new Set<string>();
  readonly #deciders: (() => boolean)[] = [];
  readonly #observers: ((change: Change) => void)[] = [];
  readonly #subscribers = new Set<(published: Published) => void>();
  /** What has not ended, by cluster. */
  readonly liveJobs: LiveIndex<'jobs'>;
  readonly openRequests: LiveIndex<'requests'>;

  constructor(
    ports: Ports,
    start: { rev: number; batch: number; epoch: number; seqs: Record<Collection | 'events', number> },
  ) {
    this.#clock = ports.clock;
    this.tables = Object.fromEntries(COLLECTIONS.map((name) => [name, new Table()])) as unknown as Tables;
    this.#rev = start.rev;
    this.#durableRev = start.rev;
    this.#seqs = { ...start.seqs };
    this.#committer = new Committer({
      store: ports.store,
      clock: ports.clock,
      batch: start.batch,
      epoch: start.epoch,
      meter: ports.meter,
      onDurable: (rev) => this.#published(rev),
      onFatal: ports.fatal,
    });
    this.liveJobs = new LiveIndex(this, 'jobs', (row) => !isJobFinal(row.status));
    this.openRequests = new LiveIndex(this, 'requests', (row) => !isRequestFinal(row.status));
  }

  /** The newest revision, which may not be stored yet: for waiting, never for telling. */
  get rev(): number {
    return this.#rev;
  }

  /** The newest revision that no crash can take back. */
  get durableRev(): number {
    return this.#durableRev;
  }

  get epoch(): number {
    return this.#committer.epoch;
  }

  /** Why the store refuses writes at present, or null. */
  get stalled(): string | null {
    return this.#committer.stalled;
  }

  /** Later revisions are above `rev`: somebody has seen it, of a newer copy of this state. */
  raiseRev(rev: number): void {
    this.#rev = Math.max(this.#rev, rev);
  }

  raiseEpoch(epoch: number): void {
    this.#committer.raiseEpoch(epoch);
  }

  /** Changes that wait for the store, those of the batch under way included. */
  get undurable(): number {
    return this.#committer.undurable;
  }

  /**
   * Puts a row of the store into memory, at start or when an ended instance is needed again. What is there already, or
   * was deleted while the store was being asked, stays as it is.
   */
  admit<C extends Collection>(collection: C, row: Collections[C]): void {
    if (this.#deleted.has(`${collection}/${row.id}`) || this.tables[collection].get(row.id)) return;
    this.tables[collection].put(row);
    if (collection === 'meta' && row.id === 'events') this.#rings.load((row as Collections['meta']).value);
    if (collection === 'jobs') this.liveJobs.admit(row as Collections['jobs']);
    if (collection === 'requests') this.openRequests.admit(row as Collections['requests']);
  }

  /** Drops a durable row from memory; the store keeps it. */
  evict(collection: Collection, id: string): void {
    this.tables[collection].delete(id);
  }

  /** @throws {DroverError} STORE_FULL while the store refuses. For writes that a person asks for. */
  assertWritable(): void {
    const why = this.#committer.stalled;
    if (why !== null) throw new DroverError('STORE_FULL', { rule: why });
  }

  /**
   * Runs `fn` on an overlay and applies it whole. A throw drops the overlay and passes on.
   * @returns what `fn` returned.
   */
  transact<T>(actor: Actor, fn: (tx: Transaction) => T): T {
    const seqs = { ...this.#seqs };
    const tx = new Transaction(this.tables, (collection) => ++seqs[collection]);
    const value = fn(tx);
    if (tx.writes.size === 0 && tx.events.length === 0) return value;
    if (actor.kind === 'person' && tx.events.length === 0) tell(tx);
    Object.assign(this.#seqs, seqs);
    this.#rev += 1;
    for (const write of tx.writes.values()) {
      const id = write.op === 'put' ? write.row.id : write.id;
      const row =
        write.op === 'put'
          ? (Object.freeze({ ...write.row, rev: this.#rev, v: 1 }) as unknown as Collections[Collection])
          : undefined;
      this.#apply(write.collection, id, row);
    }
    for (const event of tx.events) {
      this.#seqs.events += 1;
      this.#turnEvents.push({
        id: String(this.#seqs.events),
        seq: this.#seqs.events,
        project: this.#projectOf(event) ?? actor.project,
        name: event.name,
        status: event.type,
        owner: `${event.noun}/${event.subject}`,
        rev: this.#rev,
        v: 1,
        atMs: this.#clock.wallMs(),
        noun: event.noun,
        subject: event.subject,
        type: event.type,
        from: event.from ?? null,
        to: event.to ?? null,
        reason: event.reason ?? null,
        actor: actor.name,
        actorKind: actor.kind,
        byAdmin: actor.role === 'admin',
        source: actor.source ?? null,
        cause: actor.requestId ?? event.cause ?? null,
      });
    }
    this.#scheduleSeal();
    return value;
  }

  /** What happens to a thing is told where it belongs, whoever does it. What has gone in this turn belonged there too. */
  #projectOf({ noun, subject }: EventDraft): string | undefined {
    const table = (this.tables as Partial<Record<string, Table<RowBase>>>)[noun];
    if (!table) return undefined;
    return (table.get(subject) ?? this.#turn.get(`${noun}/${subject}`)?.before)?.project;
  }

  #apply(collection: Collection, id: string, row: Collections[Collection] | undefined): void {
    const table = this.tables[collection] as Table<RowBase>;
    const key = `${collection}/${id}`;
    const before = table.get(id) as Collections[Collection] | undefined;
    if (row) table.put(row);
    else this.#delete(collection, id);
    table.lastRev = this.#rev;
    const earlier = this.#turn.get(key);
    this.#turn.set(key, { collection, id, before: earlier ? earlier.before : before, after: row });
    const change: Change = { collection, id, before, after: row };
    for (const observe of this.#observers) observe(change);
  }

  #delete(collection: Collection, id: string): void {
    this.tables[collection].delete(id);
    this.#deleted.add(`${collection}/${id}`);
    if (this.#deleted.size <= DELETED_REMEMBERED) return;
    for (const oldest of this.#deleted) {
      this.#deleted.delete(oldest);
      return;
    }
  }

  /** Called within the transaction's turn for each applied change, before it is durable. Must not transact. */
  onChange(observer: (change: Change) => void): void {
    this.#observers.push(observer);
  }

  /**
   * Runs before each seal, again until none of them has decided anything. Returns whether it did and the others should
   * look; one that has spent its budget returns false and asks for a later turn.
   */
  onSeal(decider: () => boolean): void {
    this.#deciders.push(decider);
  }

  /** Seals at the end of this turn, so that the deciders run even when no row changed. */
  wake(): void {
    this.#scheduleSeal();
  }

  /** The head is stopping: all that was accepted is stored, then nothing more. @throws {DroverError} STORE_FULL */
  async close(): Promise<void> {
    try {
      await this.durable();
    } finally {
      this.#committer.stop();
    }
  }

  /** Seals in a later turn: what is left over when a turn's budget is spent. Input that has arrived goes first. */
  wakeLater(): void {
    this.#clock.after(0, () => this.#scheduleSeal());
  }

  #scheduleSeal(): void {
    if (this.#sealing) return;
    this.#sealing = true;
    this.#clock.defer(() => this.#seal());
  }

  #seal(): void {
    let decided = true;
    for (let round = 0; decided && round < MOST_ROUNDS; round++) {
      decided = false;
      for (const decide of this.#deciders) decided = decide() || decided;
    }
    if (decided) this.wakeLater();
    this.#sealing = false;
    if (this.#turn.size === 0 && this.#turnEvents.length === 0) return;
    const changes: StoreChange[] = [];
    for (const { collection, id, after } of this.#turn.values()) {
      changes.push(
        after
          ? { op: 'put', collection, row: encodeRow(collection, after) }
          : { op: 'delete', collection, id },
      );
    }
    let isCounted = false;
    for (const event of this.#turnEvents) {
      const ring = this.#rings.add(event);
      changes.push({ op: 'put', collection: 'events', row: { ...encodeRow('events', event), id: ring.id } });
      if (ring.drop !== null) changes.push({ op: 'delete', collection: 'events', id: ring.drop });
      isCounted ||= ring.isCounted;
    }
    const counts = this.tables.meta.get('events');
    if (isCounted && counts) {
      const row = { ...counts, rev: this.#rev, value: this.#rings.text };
      changes.push({ op: 'put', collection: 'meta', row: encodeRow('meta', row) });
    }
    // So that no restart begins below a revision that somebody has seen: the last change may have left no other row.
    const mark = this.tables.meta.get('rev');
    if (mark && !this.#turn.has('meta/rev'))
      changes.push({ op: 'put', collection: 'meta', row: encodeRow('meta', { ...mark, rev: this.#rev }) });
    this.#unpublished.push({ rev: this.#rev, changes: [...this.#turn.values()], events: this.#turnEvents });
    this.#turn = new Map();
    this.#turnEvents = [];
    this.#committer.add(this.#rev, changes);
  }

  #published(rev: number): void {
    this.#durableRev = rev;
    const ready = this.#waiters.filter((waiter) => waiter.rev <= rev);
    if (ready.length > 0) this.#waiters = this.#waiters.filter((waiter) => waiter.rev > rev);
    for (const waiter of ready) waiter.done();
    while (this.#unpublished[0] && this.#unpublished[0].rev <= rev) {
      const published = this.#unpublished.shift() as Published;
      for (const tell of this.#subscribers) tell(published);
    }
  }

  /** Hears everything once it is durable, in order. @returns the way to stop. */
  subscribe(listener: (published: Published) => void): () => void {
    this.#subscribers.add(listener);
    return () => this.#subscribers.delete(listener);
  }

  /** Calls `fn` when all up to `rev` is durable; at once when it is. In the order of the calls. */
  whenDurable(rev: number, fn: () => void): void {
    if (rev <= this.#durableRev) fn();
    else this.#waiters.push({ rev, done: fn });
  }

  /**
   * Waits until `rev` is durable, unless the store refuses at present.
   * @returns false at once in that case: what is stored may be answered instead, which no crash can take back
   */
  async durableUnlessStalled(rev: number): Promise<boolean> {
    if (rev > this.#durableRev && this.stalled !== null) return false;
    await this.durable(rev);
    return true;
  }

  /**
   * Resolves when all up to `rev` (default: everything) is durable.
   * @throws {DroverError} STORE_FULL when the store refuses for longer than a caller should wait. The change may
   * still become durable later.
   */
  durable(rev: number = this.#rev): Promise<void> {
    if (rev <= this.#durableRev) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        rev,
        done: () => {
          timer.cancel();
          resolve();
        },
      };
      const timer = this.#clock.after(DURABLE_WAIT_MS, () => {
        this.#waiters = this.#waiters.filter((each) => each !== waiter);
        const why = this.#committer.stalled ?? 'it is too slow';
        const message = `the head cannot confirm its state (${why}); the call may still take effect`;
        reject(new DroverError('STORE_FULL', { rule: why }, { message }));
      });
      this.#waiters.push(waiter);
    });
  }
}

/** Whatever a person has written leaves a line: what has none of its own is told by what it touched first. */
function tell(tx: Transaction): void {
  for (const write of tx.writes.values()) {
    const subject = write.op === 'put' ? write.row.id : write.id;
    tx.event({ noun: write.collection, subject, name: null, type: 'write' });
    return;
  }
}
