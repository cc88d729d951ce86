/** A restore into PostgreSQL: into a schema of its own, which takes the place of the old one in one transaction. */
import { type Logger, StoreError } from '@drover/engine';
import { type PostgresAddress, parseAddress } from '../postgres/address.ts';
import { Connection } from '../postgres/connection.ts';
import { toPostgresError } from '../postgres/failures.ts';
import { takeLease } from '../postgres/lease.ts';
import { openPostgresStore } from '../postgres/postgres-store.ts';
import { sessionName } from '../postgres/session.ts';
import { BackupError } from './format.ts';
import type { RestoreTarget } from './restore.ts';

const log: Logger = { info() {}, warn() {}, error() {} };

/**
 * Holds the lease of the place until `clean`, so that no head starts there meanwhile.
 * @throws {StoreError} when a head holds it @throws {BackupError} when there are tables and `replace` is not said
 */
export async function postgresTarget(url: string, replace: boolean): Promise<RestoreTarget> {
  const address = parseAddress(url);
  const fail = (error: unknown): never => {
    throw error instanceof BackupError ? error : toPostgresError(error, address.label);
  };
  const connection = await Connection.open(address, sessionName('restore'), () => undefined).catch(fail);
  const draft = `${address.schema}_restore`;
  try {
    await takeLease(connection, address, new Set());
    if (!replace && (await hasTables(connection, address)))
      throw new BackupError(
        `there is a state at ${address.label}: say --replace to set it aside under another name, or name another schema with ?schema=. Nothing was changed.`,
      );
    await connection.query(`DROP SCHEMA IF EXISTS ${draft} CASCADE`);
    const draftUrl = new URL(url);
    draftUrl.searchParams.set('schema', draft);
    const store = await openPostgresStore({ url: draftUrl.href, log, onFatal: () => undefined });
    return {
      label: address.label,
      store,
      takePlace: (stamp) => swap(connection, address, draft, stamp).catch(fail),
      async clean() {
        await connection.query(`DROP SCHEMA IF EXISTS ${draft} CASCADE`).catch(() => undefined);
        await connection.end();
      },
    };
  } catch (error) {
    connection.drop();
    return fail(error);
  }
}

async function swap(
  connection: Connection,
  address: PostgresAddress,
  draft: string,
  stamp: string,
): Promise<string | null> {
  const { schema } = address;
  const exists =
    (await connection.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema])).length > 0;
  const old = `${schema}_replaced_${stamp}`.slice(0, 63);
  if (exists && !connection.isOpen)
    throw new StoreError('busy', `The connection to ${address.label} is lost.`);
  await connection.query(
    `${exists ? `ALTER SCHEMA ${schema} RENAME TO ${old};` : ''} ALTER SCHEMA ${draft} RENAME TO ${schema}`,
  );
  return exists ? `schema ${old}` : null;
}

async function hasTables(connection: Connection, { schema }: PostgresAddress): Promise<boolean> {
  return (
    (await connection.query('SELECT 1 FROM pg_tables WHERE schemaname = $1 LIMIT 1', [schema])).length > 0
  );
}
