/** Reads pages, rows and whole collections, on connections of their own. */
import { type CollectionName, type PageQuery, type StoredRow, StoreError } from '@drover/engine';
import pg from 'pg';
import { checkLimit, pageSql, ROW_COLUMNS, toRow } from '../page-sql.ts';
import { tableOf } from '../tables.ts';
import type { StoredHead } from '../verdict.ts';
import type { PostgresAddress } from './address.ts';
import { clientConfig } from './connection.ts';
import { isLost, toPostgresError } from './failures.ts';
import { sessionName } from './session.ts';

/** Rows that are asked for at once, so that other work goes on between them. */
const PART_ROWS = 1_000;
const MOST_CONNECTIONS = 3;

type Ask = (text: string, values?: readonly unknown[]) => Promise<unknown[][]>;

/** The reading half of the store. */
export class PostgresReader {
  readonly #address: PostgresAddress;
  readonly #pool: pg.Pool;
  #closed = false;

  constructor(address: PostgresAddress) {
    this.#address = address;
    this.#pool = new pg.Pool({
      ...clientConfig(address, sessionName('reads')),
      max: MOST_CONNECTIONS,
      allowExitOnIdle: true,
    });
    this.#pool.on('error', () => undefined); // an idle one that ended: the pool makes another
  }

  async last(): Promise<StoredHead> {
    const [[batch, epoch] = []] = await this.#ask(`SELECT batch, epoch FROM ${this.#address.schema}.head`);
    return { batch: Number(batch), epoch: Number(epoch) };
  }

  async maxSeq(collection: CollectionName): Promise<number> {
    tableOf(collection);
    const sql = `SELECT seq FROM ${this.#address.schema}.marks WHERE collection = $1`;
    const [[seq] = []] = await this.#ask(sql, [collection]);
    return Number(seq ?? 0);
  }

  async get(collection: CollectionName, id: string): Promise<StoredRow | null> {
    const sql = `SELECT ${ROW_COLUMNS} FROM ${this.#address.schema}.${tableOf(collection)} WHERE id = $1`;
    const [found] = await this.#ask(sql, [id]);
    return found ? toRow(found) : null;
  }

  async page(query: PageQuery): Promise<StoredRow[]> {
    checkLimit(query.limit);
    return await this.#rows(query, query.limit);
  }

  /** All rows by ascending seq, from one snapshot. */
  async load(collection: CollectionName, statuses: readonly string[] | undefined): Promise<StoredRow[]> {
    const query = { collection, afterSeq: Number.MIN_SAFE_INTEGER, ...(statuses ? { statuses } : {}) };
    return await this.#rows(query, Number.POSITIVE_INFINITY);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#pool.end();
  }

  async #rows(query: Omit<PageQuery, 'limit'>, limit: number): Promise<StoredRow[]> {
    const { schema } = this.#address;
    return await this.#with(async (ask) => {
      const rows: StoredRow[] = [];
      const isOnePart = limit <= PART_ROWS;
      if (!isOnePart) await ask('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      let cursor = query;
      while (rows.length < limit) {
        const wanted = Math.min(limit - rows.length, PART_ROWS);
        const { sql, values } = pageSql(cursor, wanted, (n) => `$${n}`, `${schema}.`);
        const found = await ask(sql, values);
        for (const each of found) rows.push(toRow(each));
        if (found.length < wanted) break;
        const seq = rows.at(-1)?.seq ?? 0;
        cursor = query.afterSeq === undefined ? { ...query, beforeSeq: seq } : { ...query, afterSeq: seq };
      }
      if (!isOnePart) await ask('COMMIT');
      return rows;
    });
  }

  #ask(text: string, values?: readonly unknown[]): Promise<unknown[][]> {
    return this.#with((ask) => ask(text, values));
  }

  /** Runs `work` on a connection; once more on another when that one turns out to be dead. @throws {StoreError} */
  async #with<T>(work: (ask: Ask) => Promise<T>, again = true): Promise<T> {
    if (this.#closed) throw new StoreError('fatal', 'The store is closed.');
    let client: pg.PoolClient | null = null;
    try {
      const taken = await this.#pool.connect();
      client = taken;
      const value = await work(async (text, values = []) => {
        const { rows } = await taken.query({ text, values: [...values], rowMode: 'array' });
        return rows as unknown[][];
      });
      taken.release();
      return value;
    } catch (error) {
      client?.release(true);
      if (error instanceof RangeError || error instanceof TypeError) throw error;
      if (client && again && isLost(error)) return await this.#with(work, false);
      throw toPostgresError(error, this.#address.label);
    }
  }
}
