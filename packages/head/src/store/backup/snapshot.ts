/** All rows of a store as they are at one batch, read beside a head that goes on writing. */

import { join } from 'node:path';
import type { CollectionName, StoredRow } from '@drover/engine';
import { DATABASE_NAME, openForReading, openingFailure, quickCheck } from '../database-file.ts';
import { loadDriver, type SqlDatabase } from '../driver.ts';
import { inspect } from '../migrations.ts';
import { PART_BYTES, ROW_COLUMNS, runs, toRow } from '../page-sql.ts';
import { parseAddress } from '../postgres/address.ts';
import { Connection } from '../postgres/connection.ts';
import { toPostgresError } from '../postgres/failures.ts';
import { inspect as inspectPostgres } from '../postgres/migrations.ts';
import { readHead, sessionName } from '../postgres/session.ts';
import { tableOf } from '../tables.ts';
import type { StoredHead } from '../verdict.ts';
import { BackupError } from './format.ts';

/** Rows that are held at once; fewer where bodies are large. */
const PART_ROWS = 200;

/** An open snapshot. */
export interface Snapshot {
  readonly kind: string;
  readonly schema: number;
  readonly head: StoredHead;
  /** By ascending seq. */
  rows(collection: CollectionName): AsyncIterable<StoredRow>;
  maxSeq(collection: CollectionName): Promise<number>;
  close(): Promise<void>;
}

type Ask = (sql: string, values: readonly (string | number)[]) => Promise<readonly unknown[][]>;

/** Of the database in a state directory, whether a head runs on it or not. @throws when there is none, or it is damaged */
export async function snapshotSqlite(dir: string): Promise<Snapshot> {
  const path = join(dir, DATABASE_NAME);
  const db = openForReading(await loadDriver(), dir);
  const attempt = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw error instanceof BackupError ? error : openingFailure(error, path);
    }
  };
  try {
    const ask: Ask = async (sql, values) => attempt(() => db.prepare(sql).all(values));
    attempt(() => db.exec('BEGIN'));
    const schema = attempt(() => inspect(db, path));
    attempt(() => quickCheck(db, path));
    const head = oneHead(await ask('SELECT batch, epoch FROM head', []), path);
    return {
      kind: 'sqlite',
      schema,
      head,
      ...reads(ask, '', () => '?', 'length(CAST(body AS BLOB))'),
      close: async () => closeDatabase(db),
    };
  } catch (error) {
    closeDatabase(db);
    throw error;
  }
}

/** A statement that is still to be collected keeps a closed connection open: it must not keep its snapshot too. */
function closeDatabase(db: SqlDatabase): void {
  try {
    db.exec('ROLLBACK');
  } catch {
    // It was damaged, or had not begun.
  }
  db.close();
}

/** Of a PostgreSQL store. @throws {StoreError} */
export async function snapshotPostgres(url: string): Promise<Snapshot> {
  const address = parseAddress(url);
  const fail = (error: unknown): never => {
    throw toPostgresError(error, address.label);
  };
  const connection = await Connection.open(address, sessionName('backup'), () => undefined).catch(fail);
  try {
    await connection.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const schema = await inspectPostgres(connection, address);
    if (schema === 0) throw new BackupError(`there is no state at ${address.label}`);
    const ask: Ask = (sql, values) => connection.query(sql, values).catch(fail);
    return {
      kind: 'postgres',
      schema,
      head: await readHead(connection, address),
      ...reads(ask, `${address.schema}.`, (n) => `$${n}`, 'octet_length(body)'),
      close: () => connection.end(),
    };
  } catch (error) {
    await connection.end();
    return fail(error);
  }
}

function reads(
  ask: Ask,
  prefix: string,
  place: (n: number) => string,
  bodyBytes: string,
): Pick<Snapshot, 'rows' | 'maxSeq'> {
  return {
    async *rows(collection) {
      const next = `FROM ${prefix}${tableOf(collection)} WHERE seq > ${place(1)} ORDER BY seq LIMIT ${place(2)}`;
      for (let after = Number.MIN_SAFE_INTEGER; ; ) {
        const sizes = await ask(`SELECT ${bodyBytes} ${next}`, [after, PART_ROWS]);
        for (const rows of runs(
          sizes.map(([bytes]) => Number(bytes)),
          PART_BYTES,
        )) {
          for (const each of await ask(`SELECT ${ROW_COLUMNS} ${next}`, [after, rows])) {
            const row = toRow(each);
            after = row.seq;
            yield row;
          }
        }
        if (sizes.length < PART_ROWS) return;
      }
    },
    async maxSeq(collection) {
      const sql = `SELECT seq FROM ${prefix}marks WHERE collection = ${place(1)}`;
      return Number((await ask(sql, [collection]))[0]?.[0] ?? 0);
    },
  };
}

function oneHead(rows: readonly unknown[][], path: string): StoredHead {
  const [batch, epoch] = rows[0] ?? [];
  if (typeof batch !== 'number' || typeof epoch !== 'number')
    throw new BackupError(`the database ${path} has lost the row that says how far it is`);
  return { batch, epoch };
}
