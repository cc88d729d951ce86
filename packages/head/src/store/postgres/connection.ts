/** One connection to PostgreSQL, with the limits that all of ours have. */
import pg from 'pg';
import type { PostgresAddress } from './address.ts';

/** A statement that takes longer is cancelled by the server; the client gives up a little later. */
const STATEMENT_MS = 30_000;
const ANSWER_MS = 35_000;
const LOCK_MS = 5_000;
const CONNECT_MS = 5_000;
const KEEP_ALIVE_MS = 10_000;

const INT8 = 20;
const types = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === INT8 ? Number : pg.types.getTypeParser(oid, format as 'text')) as typeof pg.types.getTypeParser,
};

/** What a client or a pool of clients is made with. @param name what the server shows as application_name */
export function clientConfig(address: PostgresAddress, name: string): pg.ClientConfig {
  return {
    connectionString: address.connectionString,
    application_name: name.slice(0, 63),
    connectionTimeoutMillis: CONNECT_MS,
    statement_timeout: STATEMENT_MS,
    lock_timeout: LOCK_MS,
    query_timeout: ANSWER_MS,
    idle_in_transaction_session_timeout: 2 * STATEMENT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    types,
  };
}

/** A connection that knows whether it still lives. */
export class Connection {
  readonly #client: pg.Client;
  #open = true;
  /** The server's process for this session. */
  readonly pid: number;

  private constructor(client: pg.Client, onLost: () => void) {
    this.#client = client;
    this.pid = (client as unknown as { processID: number }).processID;
    const lost = (): void => {
      if (!this.#open) return;
      this.#open = false;
      onLost();
    };
    client.on('error', lost);
    client.on('end', lost);
  }

  /** @param onLost called once when it ends without `end` or `drop`. @throws what the driver throws */
  static async open(address: PostgresAddress, name: string, onLost: () => void): Promise<Connection> {
    const client = new pg.Client(clientConfig(address, name));
    client.on('error', () => undefined);
    try {
      await client.connect();
    } catch (error) {
      void client.end().catch(() => undefined);
      throw error;
    }
    const connection = new Connection(client, onLost);
    // A machine that lost its power must not hold the lease for the two hours of the system's default.
    await connection.query(
      `SELECT set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false),
              set_config('tcp_keepalives_count', '3', false), set_config('tcp_user_timeout', '25000', false),
              set_config('synchronous_commit', CASE current_setting('synchronous_commit')
                WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false)`,
    );
    return connection;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** Rows as arrays of their columns. @throws what the driver throws */
  async query(text: string, values: readonly unknown[] = [], name?: string): Promise<unknown[][]> {
    const { rows } = await this.#client.query({
      text,
      values: [...values],
      rowMode: 'array',
      ...(name === undefined ? {} : { name }),
    });
    return rows as unknown[][];
  }

  /** Closes it in order; what waits is done first. */
  async end(): Promise<void> {
    this.#open = false;
    await this.#client.end().catch(() => undefined);
  }

  /** Cuts it off: the server ends the session and rolls back what was open. */
  drop(): void {
    this.#open = false;
    (this.#client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
  }
}
