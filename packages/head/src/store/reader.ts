/** Reads pages, rows and whole collections. Runs in the reading thread, on a connection that cannot write. */
import type { CollectionName, PageQuery, StoredRow } from '@drover/engine';
import type { SqlDatabase, SqlStatement, SqlValue } from './driver.ts';
import type { PackedRows } from './messages.ts';
import { COLUMNS, tableOf } from './tables.ts';

/** Rows that travel in one message, so that the main thread unpacks one part while the next is read. */
const PART_ROWS = 1_000;
/** Limits of a page. Queries beyond them are mistakes of the caller. */
const MAX_PAGE_ROWS = 100_000;
const MAX_STATUSES = 32;

const ROW_COLUMNS = [...COLUMNS, 'body'].join(', ');

/** The reading half of the store. */
export class Reader {
  readonly #db: SqlDatabase;
  /** By text. The shapes of queries are few: collections times filters. */
  readonly #statements = new Map<string, SqlStatement>();

  constructor(db: SqlDatabase) {
    this.#db = db;
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
    if (!found) return null;
    const [rowId, seq, project, name, status, owner, rev, v, body] = found as [
      string,
      number,
      string,
      string | null,
      string,
      string | null,
      number,
      number,
      string,
    ];
    return { id: rowId, seq, project, name, status, owner, rev, v, body };
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
    if (!Number.isSafeInteger(limit) || limit < 0 || limit > MAX_PAGE_ROWS)
      throw new RangeError(
        `The limit of a page must be a whole number up to ${MAX_PAGE_ROWS}, not ${limit}.`,
      );
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
        const { sql, values } = pageSql(cursor, wanted);
        const [columns, bodies, count, low, high] = this.#prepare(sql).all(values)[0] ?? [];
        if (!count) return;
        give({ columns: String(columns), bodies: String(bodies) });
        if (Number(count) < wanted) return;
        left -= wanted;
        cursor = ascending ? { ...query, afterSeq: Number(high) } : { ...query, beforeSeq: Number(low) };
      }
    } finally {
      this.#db.exec('COMMIT');
    }
  }

  #prepare(sql: string): SqlStatement {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.#db.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

/**
 * One part of a page as a single result row. Each status is read through its own index range, which is in the order of
 * seq: with `status IN (...)` SQLite would sort every row that matches before it takes the first hundred.
 */
function pageSql(query: Omit<PageQuery, 'limit'>, limit: number): { sql: string; values: SqlValue[] } {
  const table = tableOf(query.collection);
  const order = `ORDER BY seq ${query.afterSeq === undefined ? 'DESC' : 'ASC'} LIMIT ?`;
  const conditions: string[] = [];
  const bound: SqlValue[] = [];
  const where = (condition: string, value: SqlValue | undefined) => {
    if (value === undefined) return;
    conditions.push(condition);
    bound.push(value);
  };
  where('name = ?', query.name);
  where('owner = ?', query.owner);
  where('seq < ?', query.beforeSeq);
  where('seq > ?', query.afterSeq);
  const select = (more: readonly string[]) => {
    const all = [...conditions, ...more];
    return `SELECT ${ROW_COLUMNS} FROM ${table}${all.length > 0 ? ` WHERE ${all.join(' AND ')}` : ''} ${order}`;
  };
  const statuses = query.statuses && [...new Set(query.statuses)];
  if (statuses && statuses.length > MAX_STATUSES)
    throw new RangeError(`A page has at most ${MAX_STATUSES} statuses.`);
  let rows = select(statuses?.length === 0 ? ['FALSE'] : []);
  let values = [...bound, limit];
  if (statuses && statuses.length > 0) {
    const parts = statuses.map(() => `SELECT * FROM (${select(['status = ?'])})`);
    rows = parts.length === 1 ? select(['status = ?']) : `${parts.join(' UNION ALL ')} ${order}`;
    values = statuses.flatMap((status) => [...bound, status, limit]);
    if (parts.length > 1) values.push(limit);
  }
  const sql = `SELECT json_group_array(json_array(${COLUMNS.join(', ')})), group_concat(body, char(30)), count(*), min(seq), max(seq) FROM (${rows})`;
  return { sql, values };
}
