/** The writing session: one connection that holds the lease, with what it found in the store when it took it. */
import { hostname } from 'node:os';
import { StoreError } from '@drover/engine';
import type { StoredHead } from '../verdict.ts';
import type { PostgresAddress } from './address.ts';
import { Connection } from './connection.ts';
import { LeaseHeld, takeLease } from './lease.ts';
import { inspect, migrate } from './migrations.ts';

const OLDEST_SERVER = 120_000;

/** What is shown of this process in the server's list of sessions. */
export const sessionName = (role: string): string => `drover ${role} ${process.pid} on ${hostname()}`;

/** An open session. */
export interface Session {
  readonly connection: Connection;
  readonly head: StoredHead;
  /** Schema version that was found; 0 when the tables were made. */
  readonly migratedFrom: number;
}

/**
 * Connects, takes the lease, brings the schema up and reads the head's row.
 * @param ours server processes of this head's earlier sessions; that of the new one is added
 * @param known what this head has written last, or null at its start
 * @throws {StoreError} or what the driver throws; fatal when another head has the lease and has written
 */
export async function openSession(
  address: PostgresAddress,
  ours: Set<number>,
  known: StoredHead | null,
  onLost: () => void,
): Promise<Session> {
  const connection = await Connection.open(address, sessionName('head'), onLost);
  try {
    await checkServer(connection, address);
    await takeLease(connection, address, ours).catch(async (error: unknown) => {
      throw known === null ? error : await whoHasWon(error, connection, address, known);
    });
    ours.add(connection.pid);
    const migratedFrom = await inspect(connection, address);
    await migrate(connection, address, migratedFrom);
    return { connection, head: await readHead(connection, address), migratedFrom };
  } catch (error) {
    connection.drop();
    throw error;
  }
}

/** The lease is another's: for good, when that one has begun its epoch. */
async function whoHasWon(
  error: unknown,
  connection: Connection,
  address: PostgresAddress,
  known: StoredHead,
): Promise<unknown> {
  if (!(error instanceof LeaseHeld)) return error;
  const { epoch } = await readHead(connection, address);
  if (epoch <= known.epoch) return error;
  return new StoreError('fatal', `Another head has taken over the store ${address.label}: ${error.holder}.`);
}

/** The newest batch and epoch. @throws {StoreError} fatal, when the row is gone */
export async function readHead(
  connection: Connection,
  { schema, label }: PostgresAddress,
): Promise<StoredHead> {
  const [[batch, epoch] = []] = await connection.query(`SELECT batch, epoch FROM ${schema}.head`);
  if (typeof batch !== 'number' || typeof epoch !== 'number')
    throw new StoreError(
      'fatal',
      `The store ${label} has lost the row that says how far it is. Restore it with: drover head restore FILE --replace`,
    );
  return { batch, epoch };
}

async function checkServer(connection: Connection, { label }: PostgresAddress): Promise<void> {
  const [[version, encoding, standby] = []] = await connection.query(
    `SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), pg_is_in_recovery()`,
  );
  if (Number(version) < OLDEST_SERVER)
    throw new StoreError(
      'fatal',
      `The store ${label} runs PostgreSQL ${String(version)}: 12 or newer is needed.`,
    );
  if (encoding !== 'UTF8')
    throw new StoreError(
      'fatal',
      `The database ${label} has the encoding ${String(encoding)}: UTF8 is needed.`,
    );
  if (standby === true)
    throw new StoreError('busy', `The store ${label} is a standby, which only reads: name the primary.`);
}
