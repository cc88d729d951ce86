/** What the main thread and the database threads say to each other. Flat arrays of plain values: they clone fast. */
import type { Batch, CollectionName, PageQuery, StoredRow, StoreFailure } from '@drover/engine';
import type { SqlValue } from './driver.ts';

/** What a thread is started with. */
export interface ThreadStart {
  readonly role: 'write' | 'read';
  readonly dir: string;
  /** See exit-gate.ts. */
  readonly gate: Int32Array;
}

/** A batch for the trip: FIELDS values for each change; a deletion has null for its seq. */
export interface PackedBatch {
  readonly number: number;
  readonly epoch: number;
  readonly collections: readonly CollectionName[];
  readonly values: readonly SqlValue[];
}

/** Rows for the trip: JSON of the columns, and all bodies in one string, which costs a fraction of an object per row. */
export interface PackedRows {
  readonly columns: string;
  readonly bodies: string;
}

/** What went wrong, in plain values. */
export interface PackedFailure {
  readonly failure: StoreFailure;
  readonly message: string;
}

/** What became of each batch of a group: null when it is stored. */
export type CommitResults = readonly (PackedFailure | null)[];

/** Each operation of the threads: what it takes and gives. `load` and `page` give their rows in several parts. */
export interface Operations {
  commit: { takes: readonly PackedBatch[]; gives: CommitResults };
  last: { takes: null; gives: { batch: number; epoch: number } };
  maxSeq: { takes: CollectionName; gives: number };
  page: { takes: PageQuery; gives: null };
  load: { takes: { collection: CollectionName; statuses?: readonly string[] }; gives: null };
  get: { takes: { collection: CollectionName; id: string }; gives: StoredRow | null };
  close: { takes: null; gives: null };
}

/** Name of an operation. */
export type OperationName = keyof Operations;

/** A call of the main thread. */
export type ThreadRequest = {
  [Name in OperationName]: {
    readonly id: number;
    readonly op: Name;
    readonly input: Operations[Name]['takes'];
  };
}[OperationName];

/** The first message of a thread. */
export type ThreadOpened =
  | { readonly opened: true; readonly driver: string; readonly migratedFrom: number | null }
  | { readonly opened: false; readonly error: PackedFailure };

/** Answers: any number of parts, then one result or error. */
export type ThreadReply =
  | { readonly id: number; readonly part: PackedRows }
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: PackedFailure };

/** Values per change in a PackedBatch: id, seq, project, name, status, owner, rev, v, body. */
export const FIELDS = 9;
/** ASCII record separator, between bodies. JSON text never holds it unescaped. */
const SEPARATOR = '\u001e';

/** @throws {TypeError} when a body is surely not JSON text, for it could not be read back. */
export function packBatch(batch: Batch): PackedBatch {
  const collections: CollectionName[] = [];
  const values: SqlValue[] = [];
  for (const change of batch.changes) {
    collections.push(change.collection);
    if (change.op === 'delete') values.push(change.id, null, null, null, null, null, null, null, null);
    else {
      const { id, seq, project, name, status, owner, rev, v, body } = change.row;
      if (body.includes(SEPARATOR))
        throw new TypeError(`The body of ${change.collection}/${id} is not JSON text.`);
      values.push(id, seq, project, name, status, owner, rev, v, body);
    }
  }
  return { number: batch.number, epoch: batch.epoch, collections, values };
}

type Columns = [string, number, string, string | null, string, string | null, number, number];

/** Appends the rows to `into`. Their bodies share memory with the part: keep what is parsed, not the text. */
export function unpackRows(part: PackedRows, into: StoredRow[]): void {
  const bodies = part.bodies.split(SEPARATOR);
  const columns = JSON.parse(part.columns) as Columns[];
  for (const [index, [id, seq, project, name, status, owner, rev, v]] of columns.entries())
    into.push({ id, seq, project, name, status, owner, rev, v, body: bodies[index] ?? '' });
}
