/** The query of a page, for both databases. They differ only in how a value's place is written. */
import type { PageQuery, StoredRow } from '@drover/engine';
import type { SqlValue } from './driver.ts';
import { COLUMNS, tableOf } from './tables.ts';

/** Limits of a page. Queries beyond them are mistakes of the caller. */
const MAX_PAGE_ROWS = 100_000;
const MAX_STATUSES = 32;

/** Bytes of bodies that are read at once. All of them may be one string, and V8 ends the process over 2^29 characters. */
export const PART_BYTES: number = 8 * 1024 * 1024;

/** All columns of a row, in the order in which they are read. */
export const ROW_COLUMNS: string = [...COLUMNS, 'body'].join(', ');

/** A row from its columns, in that order. */
export function toRow(values: readonly unknown[]): StoredRow {
  const [id, seq, project, name, status, owner, rev, v, body] = values as [
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
  return { id, seq, project, name, status, owner, rev, v, body };
}

/** By the bytes of each, how many consecutive rows each part has: as many as fit, and at least one. */
export function* runs(sizes: readonly number[], most: number): Generator<number> {
  let rows = 0;
  let bytes = 0;
  for (const size of sizes) {
    if (rows > 0 && bytes + size > most) {
      yield rows;
      rows = 0;
      bytes = 0;
    }
    rows += 1;
    bytes += size;
  }
  if (rows > 0) yield rows;
}

/** @throws {RangeError} when the limit is no whole number, or too large. */
export function checkLimit(limit: number): void {
  if (!Number.isSafeInteger(limit) || limit < 0 || limit > MAX_PAGE_ROWS)
    throw new RangeError(`The limit of a page must be a whole number up to ${MAX_PAGE_ROWS}, not ${limit}.`);
}

/**
 * Each status is read through its own index range, which is in the order of seq: with `status IN (...)` a database
 * would sort every row that matches before it takes the first hundred.
 * @param place writes the n-th value, counted from 1
 * @param prefix before the name of a table, such as `drover.`
 */
export function pageSql(
  query: Omit<PageQuery, 'limit'>,
  limit: number,
  place: (n: number) => string,
  prefix = '',
): { sql: string; values: SqlValue[] } {
  const values: SqlValue[] = [];
  const bind = (value: SqlValue): string => place(values.push(value));
  const order = `ORDER BY seq ${query.afterSeq === undefined ? 'DESC' : 'ASC'}`;
  const select = (only: { status?: string; nothing?: boolean } = {}): string => {
    const conditions: string[] = only.nothing ? ['FALSE'] : [];
    if (only.status !== undefined) conditions.push(`status = ${bind(only.status)}`);
    if (query.name !== undefined) conditions.push(`name = ${bind(query.name)}`);
    if (query.owner !== undefined) conditions.push(`owner = ${bind(query.owner)}`);
    if (query.project !== undefined) conditions.push(`project = ${bind(query.project)}`);
    if (query.beforeSeq !== undefined) conditions.push(`seq < ${bind(query.beforeSeq)}`);
    if (query.afterSeq !== undefined) conditions.push(`seq > ${bind(query.afterSeq)}`);
    const where = conditions.length > 0 ? ` WHERE ${conditions.join(' AND ')}` : '';
    return `SELECT ${ROW_COLUMNS} FROM ${prefix}${tableOf(query.collection)}${where} ${order} LIMIT ${bind(limit)}`;
  };
  const statuses = query.statuses && [...new Set(query.statuses)];
  if (statuses && statuses.length > MAX_STATUSES)
    throw new RangeError(`A page has at most ${MAX_STATUSES} statuses.`);
  const [first] = statuses ?? [];
  if (!statuses) return { sql: select(), values };
  if (first === undefined) return { sql: select({ nothing: true }), values };
  if (statuses.length === 1) return { sql: select({ status: first }), values };
  const parts = statuses.map(
    (status) => `SELECT * FROM (${select({ status })}) AS ${part(status, statuses)}`,
  );
  return { sql: `${parts.join(' UNION ALL ')} ${order} LIMIT ${bind(limit)}`, values };
}

const part = (status: string, all: readonly string[]): string => `part_${all.indexOf(status)}`;
