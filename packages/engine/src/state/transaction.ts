/**
 * One transaction's overlay. It reads through to the tables, keeps its writes to itself, and is applied by
 * {@link State} only when its function returned.
 */
import type { Reason } from '@drover/core/wire';
import type { Collection, Collections } from './rows.ts';
import type { Table } from './table.ts';

/** A row to write: `seq` is given at its creation and `rev` at the commit, both by the state. */
export type Draft<Row> = Omit<Row, 'rev' | 'v' | 'seq'> & { readonly seq?: number };

export interface EventDraft {
  readonly noun: string;
  readonly subject: string;
  readonly name: string | null;
  readonly type: string;
  readonly from?: string | null;
  readonly to?: string | null;
  readonly reason?: Reason | null;
  /** The call that it goes back to, where it is not one that is served now. */
  readonly cause?: string | undefined;
}

export type Write =
  | { readonly op: 'put'; readonly collection: Collection; readonly row: Draft<Collections[Collection]> }
  | { readonly op: 'delete'; readonly collection: Collection; readonly id: string };

export type Tables = { readonly [C in Collection]: Table<Collections[C]> };

export class Transaction {
  readonly #tables: Tables;
  readonly #nextSeq: (collection: Collection) => number;
  /** Latest write per row: what will be applied. */
  readonly writes = new Map<string, Write>();
  readonly events: EventDraft[] = [];

  constructor(tables: Tables, nextSeq: (collection: Collection) => number) {
    this.#tables = tables;
    this.#nextSeq = nextSeq;
  }

  get<C extends Collection>(collection: C, id: string): Collections[C] | undefined {
    const write = this.writes.get(`${collection}/${id}`);
    if (!write) return this.#tables[collection].get(id);
    return write.op === 'put' ? (write.row as unknown as Collections[C]) : undefined;
  }

  put<C extends Collection>(collection: C, row: Draft<Collections[C]>): void {
    const seq = row.seq ?? this.#nextSeq(collection);
    this.writes.set(`${collection}/${row.id}`, {
      op: 'put',
      collection,
      row: { ...row, seq } as unknown as Draft<Collections[Collection]>,
    });
  }

  delete(collection: Collection, id: string): void {
    this.writes.set(`${collection}/${id}`, { op: 'delete', collection, id });
  }

  /** Rows of this name, this transaction's own writes included; oldest first. */
  named<C extends Collection>(collection: C, project: string, name: string): Collections[C][] {
    const rows = this.#tables[collection]
      .named(project, name)
      .filter((row) => !this.writes.has(`${collection}/${row.id}`));
    for (const write of this.writes.values()) {
      if (
        write.op === 'put' &&
        write.collection === collection &&
        write.row.project === project &&
        write.row.name === name
      ) {
        rows.push(write.row as unknown as Collections[C]);
      }
    }
    return rows;
  }

  ownedBy<C extends Collection>(collection: C, owner: string): Collections[C][] {
    const rows: Collections[C][] = [];
    for (const row of this.#tables[collection].ownedBy(owner)) {
      const now = this.get(collection, row.id);
      if (now?.owner === owner) rows.push(now);
    }
    for (const write of this.writes.values()) {
      if (
        write.op === 'put' &&
        write.collection === collection &&
        write.row.owner === owner &&
        !rows.some((row) => row.id === write.row.id)
      ) {
        rows.push(write.row as unknown as Collections[C]);
      }
    }
    return rows;
  }

  /** One line of history, written in the same batch as the rows. */
  event(event: EventDraft): void {
    this.events.push(event);
  }
}
