/** Reads pages, rows and whole collections. Runs in the reading thread, on a connection that cannot write. */
import type { CollectionName, PageQuery, StoredRow } from '@drover/engine';
import type { SqlDatabase, SqlStatement, SqlValue } from './driver.ts';
import type { PackedRows } from './messages.ts';
import { checkLimit, PART_BYTES, pageSql, ROW_COLUMNS, runs, toRow } from './page-sql.ts';
import { COLUMNS, tableOf } from './tables.ts';

/** Rows that travel in one message, so that the main thread unpacks one part while the next is read. */
const PART_ROWS = 1_000;

/** The reading half of the store. */
export class Reader {
  readonly #db: SqlDatabase;
  readonly #partBytes: number;
  /** By text. The shapes of queries are few: collections times filters. */
  readonly #statements = new Map<string, SqlStatement>();

  /** @param partBytes of the bodies in one part; a row that is larger is a part of its own */
  constructor(db: SqlDatabase, partBytes = PART_BYTES) {
    this.#db = db;
    this.#partBytes = partBytes;
  }

  last(): { batch: number; epoch: number } {
    const [batch, epoch] = this.#prepare('SELECT batch, epoch FROM head').all([])[0] ?? [];
    return { batch: Number(batch), epoch: Number(epoch) };
  }

  maxSeq(collection: CollectionName): number {
    tableOf(collection);
    return Number(this.#prepare('SELECT seq FROM marks WHERE collection = ?').all([collection])[0]?.[0] ?? 0);
  }

  get(collection: CollectionName, id: string): StoredRow | null {
    const found = this.#prepare(`SELECT ${ROW_COLUMNS} FROM ${tableOf(collection)} WHERE id = ?`).all([
      id,
    ])[0];
    return found ? toRow(found) : null;
  }

  /** All rows by ascending seq, from one snapshot. */
  load(
    collection: CollectionName,
    statuses: readonly string[] | undefined,
    give: (part: PackedRows) => void,
  ): void {
    this.#read(
      { collection, afterSeq: Number.MIN_SAFE_INTEGER, ...(statuses ? { statuses } : {}) },
      null,
      give,
    );
  }

  /** @throws {RangeError} when the limit is no whole number, or too large. */
  page(query: PageQuery, give: (part: PackedRows) => void): void {
    const { limit } = query;
    checkLimit(limit);
    this.#read(query, limit, give);
  }

  #read(query: Omit<PageQuery, 'limit'>, limit: number | null, give: (part: PackedRows) => void): void {
    this.#db.exec('BEGIN');
    try {
      const ascending = query.afterSeq !== undefined;
      let left = limit ?? Number.POSITIVE_INFINITY;
      let cursor = query;
      while (left > 0) {
        const wanted = Math.min(left, PART_ROWS);
        const sizes = this.#sizes(cursor, wanted);
        for (const rows of runs(sizes, this.#partBytes)) {
          const { sql, values } = partSql(cursor, rows);
          const [columns, bodies, low, high] = this.#prepare(sql).all(values)[0] ?? [];
          give({ columns: String(columns), bodies: String(bodies) });
          cursor = ascending ? { ...query, afterSeq: Number(high) } : { ...query, beforeSeq: Number(low) };
        }
        if (sizes.length < wanted) return;
        left -= wanted;
      }
    } finally {
      this.#db.exec('COMMIT');
    }
  }

  /** Bytes of the next bodies, in the order of the query. */
  #sizes(query: Omit<PageQuery, 'limit'>, limit: number): number[] {
    const { sql: rows, values } = pageSql(query, limit, () => '?');
    // As a blob its length is known without counting its characters; it is never fewer than those.
    const sql = `SELECT json_group_array(length(CAST(body AS BLOB))) FROM (${rows})`;
    return JSON.parse(String(this.#prepare(sql).all(values)[0]?.[0])) as number[];
  }

  #prepare(sql: string): SqlStatement {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.#db.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

/** One part of a page as a single result row. */
function partSql(query: Omit<PageQuery, 'limit'>, limit: number): { sql: string; values: SqlValue[] } {
  const { sql: rows, values } = pageSql(query, limit, () => '?');
  const sql = `SELECT json_group_array(json_array(${COLUMNS.join(', ')})), group_concat(body, char(30)), min(seq), max(seq) FROM (${rows})`;
  return { sql, values };
}
