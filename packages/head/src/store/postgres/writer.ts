/**
 * Writes groups of batches to PostgreSQL, by one session that holds the lease.
 *
 * - OPEN: a session is there, and `head` is what the store holds.
 * - LOST: the session has ended, by a failure or by the network. What it was writing may be stored or not. The next
 *   commit, or the watch, opens another and reads the head's row: the numbers there tell.
 * - DEAD: the store cannot be ours any more (another head has taken over, or damage). Every batch is refused as fatal.
 */
import type { Logger } from '@drover/engine';
import { StoreError } from '@drover/engine';
import type { CommitResults, PackedBatch, PackedFailure } from '../messages.ts';
import { judgeGroup, refuseFrom, type StoredHead, type Verdict } from '../verdict.ts';
import type { PostgresAddress } from './address.ts';
import { applySql, packChanges } from './apply-sql.ts';
import type { Connection } from './connection.ts';
import { isLost, toPostgresError } from './failures.ts';
import { openSession, readHead } from './session.ts';

/** How often the session is looked after while nothing is written. */
const WATCH_MS = 3_000;

/** The writing half of the store. */
export class PostgresWriter {
  readonly #address: PostgresAddress;
  readonly #log: Logger;
  readonly #onFatal: (error: StoreError) => void;
  readonly #sql: string;
  /** Server processes of all sessions that this head has had. */
  readonly #ours = new Set<number>();
  #connection: Connection | null = null;
  #head: StoredHead = { batch: 0, epoch: 0 };
  #dead: PackedFailure | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  #watch: NodeJS.Timeout | null = null;

  constructor(address: PostgresAddress, log: Logger, onFatal: (error: StoreError) => void) {
    this.#address = address;
    this.#log = log;
    this.#onFatal = onFatal;
    this.#sql = applySql(address.schema);
  }

  /** @returns the schema version that was there. @throws {StoreError} */
  async open(): Promise<number> {
    const found = await this.#open().catch((error: unknown) => {
      throw toPostgresError(error, this.#address.label);
    });
    this.#watch = setInterval(() => void this.#alone(() => this.#look()), WATCH_MS).unref();
    return found;
  }

  /** Writes as many batches of the group as follow on what is stored, all together or none. */
  commit(group: readonly PackedBatch[]): Promise<CommitResults> {
    return this.#alone(async () => {
      try {
        if (!this.#connection && !this.#dead) await this.#open();
      } catch (error) {
        const failed = this.#failed(error);
        return group.map(() => failed);
      }
      const verdict = judgeGroup(this.#head, group, this.#dead);
      const failed = verdict.accepted.length > 0 ? await this.#write(group, verdict) : null;
      const refusal = failed ?? verdict.refusal;
      if (refusal?.failure === 'fatal') this.#dead ??= refusal;
      return failed ? refuseFrom(verdict, group, this.#head, failed) : verdict.results;
    });
  }

  async close(): Promise<void> {
    if (this.#watch) clearInterval(this.#watch);
    await this.#alone(async () => {
      this.#dead ??= { failure: 'fatal', message: 'The store is closed.' };
      await this.#connection?.end();
      this.#connection = null;
    });
  }

  /** One thing at a time on the connection. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  async #open(): Promise<number> {
    const again = this.#ours.size > 0;
    const session = await openSession(this.#address, this.#ours, again ? this.#head : null, () => {
      this.#connection = null;
      this.#log.warn({ store: this.#address.label }, 'the connection to the database is lost');
    });
    this.#connection = session.connection;
    // Another head may have come and gone meanwhile: then its epoch refuses what we bring.
    this.#head = session.head;
    if (again)
      this.#log.info({ store: this.#address.label, ...session.head }, 'connected to the database again');
    return session.migratedFrom;
  }

  async #write(group: readonly PackedBatch[], { accepted, head }: Verdict): Promise<PackedFailure | null> {
    const connection = this.#connection as Connection;
    const batches = accepted.map((index) => group[index]).filter((batch) => batch !== undefined);
    const { parts, marks } = packChanges(batches);
    const whole = parts.length > 1;
    try {
      if (whole) await connection.query('BEGIN');
      let from = this.#head;
      for (const part of parts) {
        const values = [part, head.batch, head.epoch, from.batch, from.epoch, marks];
        const moved = await connection.query(this.#sql, values, 'apply');
        if (moved.length !== 1) return await this.#takenOver(connection);
        from = head;
      }
      if (whole) await connection.query('COMMIT');
      this.#head = head;
      return null;
    } catch (error) {
      // A session that lives keeps the lease. One in an unknown state is cut: the next one reads how far it came.
      const clean = !isLost(error) && (!whole || (await this.#rollBack(connection)));
      if (!clean) this.#drop(connection);
      return this.#failed(error);
    }
  }

  async #rollBack(connection: Connection): Promise<boolean> {
    return await connection.query('ROLLBACK').then(
      () => true,
      () => false,
    );
  }

  /** The store is not where we left it: somebody else has written. */
  async #takenOver(connection: Connection): Promise<PackedFailure> {
    this.#drop(connection);
    const { label } = this.#address;
    const message = `Another head has taken over the store ${label}: it is beyond batch ${this.#head.batch} of epoch ${this.#head.epoch}, the last one of ours.`;
    return this.#failed(new StoreError('fatal', message));
  }

  #drop(connection: Connection): void {
    connection.drop();
    if (this.#connection === connection) this.#connection = null;
  }

  #failed(error: unknown): PackedFailure {
    const { failure, message } = toPostgresError(error, this.#address.label);
    return { failure, message };
  }

  /** While nothing is written: that the session lives, and that no other head has taken over. */
  async #look(): Promise<void> {
    if (this.#dead) return;
    const epoch = this.#head.epoch;
    try {
      if (!this.#connection) await this.#open();
      else this.#head = await readHead(this.#connection, this.#address);
    } catch (error) {
      if (this.#connection && isLost(error)) this.#drop(this.#connection);
      const failed = this.#failed(error);
      if (failed.failure !== 'fatal') return;
      this.#die(failed.message);
      return;
    }
    if (epoch > 0 && this.#head.epoch > epoch)
      this.#die(
        `Another head has taken over the store ${this.#address.label}: its epoch is ${this.#head.epoch}, ours ${epoch}.`,
      );
  }

  #die(message: string): void {
    this.#dead = { failure: 'fatal', message };
    this.#onFatal(new StoreError('fatal', message));
  }
}
