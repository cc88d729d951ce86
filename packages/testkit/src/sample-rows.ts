/** Rows and batches for tests of stores. */
import type { Batch, CollectionName, StoreChange, StoredRow } from '@drover/engine';
import { SeededRandom } from './seeded-random.ts';

/** A row with usual values; `id` is made from the seq. */
export function sampleRow(seq: number, fields: Partial<StoredRow> = {}): StoredRow {
  const id = `00000000-0000-4000-8000-${String(seq).padStart(12, '0')}`;
  const body = JSON.stringify({ seq, text: 'Grüße \n\u001e 🐑' });
  return {
    id,
    seq,
    project: 'default',
    name: null,
    status: 'PENDING',
    owner: null,
    rev: seq,
    v: 1,
    body,
    ...fields,
  };
}

/** A change that writes a row of `instances`. */
export function sampleChange(row: StoredRow, collection: CollectionName = 'instances'): StoreChange {
  return { op: 'put', collection, row };
}

/** A batch that writes these rows into `instances`. */
export function sampleBatch(number: number, rows: readonly StoredRow[], epoch = 1): Batch {
  return { number, epoch, changes: rows.map((row) => sampleChange(row)) };
}

/** Every collection that a store keeps. */
export const COLLECTION_NAMES: readonly CollectionName[] = [
  'meta',
  'instances',
  'reservations',
  'workers',
  'joinTokens',
  'identities',
  'foreign',
  'tombstones',
  'idempotency',
  'machines',
  'clusters',
  'jobs',
  'requests',
  'events',
];

const PIECES = [
  '',
  'a',
  'Größe',
  '🐑',
  "it's",
  '"q"',
  '\\',
  '\n\t',
  '\u0000',
  '\u001e',
  '%_',
  '{"a":[1]}',
  '日本',
];
const STATUSES = ['PENDING', 'RUNNING', 'COMPLETED', 'SET', ''];

/** Batches by chance from a seed, over all collections, and what a store must hold after them. */
export class RandomBatches {
  readonly #random: SeededRandom;
  readonly #tables = new Map<CollectionName, Map<string, StoredRow>>();
  readonly #highest = new Map<CollectionName, number>();
  #number = 0;
  readonly #versions: number;

  /** @param options `versions`: rows have body versions from 1 to this, 3 when nothing is said */
  constructor(seed: number, options: { readonly versions?: number } = {}) {
    this.#random = new SeededRandom(seed);
    this.#versions = options.versions ?? 3;
  }

  /** The batch after the last one: new rows, changes and deletions, several of one row at times. */
  next(epoch = 1): Batch {
    this.#number += 1;
    const changes: StoreChange[] = [];
    const count = 1 + this.#random.int(40);
    for (let i = 0; i < count; i++) changes.push(this.#change(this.#random.pick(COLLECTION_NAMES)));
    return { number: this.#number, epoch, changes };
  }

  /** What the store must give for a load. */
  rows(collection: CollectionName): StoredRow[] {
    return [...this.#table(collection).values()].sort((a, b) => a.seq - b.seq);
  }

  /** What the store must give for maxSeq. */
  highest(collection: CollectionName): number {
    return this.#highest.get(collection) ?? 0;
  }

  #table(collection: CollectionName): Map<string, StoredRow> {
    const table = this.#tables.get(collection) ?? new Map<string, StoredRow>();
    this.#tables.set(collection, table);
    return table;
  }

  #change(collection: CollectionName): StoreChange {
    const table = this.#table(collection);
    const known = [...table.values()];
    const chance = this.#random.float();
    if (known.length > 0 && chance < 0.25) {
      const { id } = this.#random.pick(known);
      table.delete(id);
      return { op: 'delete', collection, id };
    }
    const before = known.length > 0 && chance < 0.6 ? this.#random.pick(known) : null;
    const row = this.#row(collection, before);
    table.set(row.id, row);
    this.#highest.set(collection, Math.max(this.highest(collection), row.seq));
    return { op: 'put', collection, row };
  }

  #row(collection: CollectionName, before: StoredRow | null): StoredRow {
    const random = this.#random;
    const text = (): string => Array.from({ length: random.int(4) }, () => random.pick(PIECES)).join('');
    // What is no JSON text is a column: no user brings a NUL into one.
    const plain = (): string => text().replaceAll('\u0000', '');
    return {
      id: before?.id ?? random.uuid(),
      seq: before?.seq ?? this.highest(collection) + 1 + random.int(3),
      project: random.pick(['default', 'other']),
      name: random.chance(0.5) ? plain() : null,
      status: random.pick(STATUSES),
      owner: random.chance(0.5) ? plain() : null,
      rev: this.#number * 1_000 + random.int(1_000),
      v: 1 + random.int(this.#versions),
      body: JSON.stringify({
        text: text().repeat(random.chance(0.05) ? 5_000 : 1),
        list: [random.float(), null],
      }),
    };
  }
}
