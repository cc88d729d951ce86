/** Writes groups of batches. Runs in the commit thread, which is the only writer of the database. */
import type { SqlDatabase, SqlStatement, SqlValue } from './driver.ts';
import { failureOf } from './failures.ts';
import { type CommitResults, FIELDS, type PackedBatch, type PackedFailure } from './messages.ts';
import { COLUMNS, TABLES, tableOf } from './tables.ts';
import { judgeGroup, refuseFrom, type StoredHead } from './verdict.ts';

/** After so many changes or characters of bodies the log is copied into the database. */
const CHECKPOINT_CHANGES = 1_000;
const CHECKPOINT_CHARS = 8 * 1024 * 1024;

interface TableStatements {
  readonly upsert: SqlStatement;
  readonly remove: SqlStatement;
}

/** The writing half of the store. */
export class Writer {
  readonly #db: SqlDatabase;
  readonly #path: string;
  readonly #diskIsFull: () => boolean;
  readonly #tables = new Map<string, TableStatements>();
  readonly #marks = new Map<string, number>();
  readonly #saveHead: SqlStatement;
  readonly #saveMark: SqlStatement;
  readonly #checkpoint: SqlStatement;
  #head: StoredHead;
  #changesSince = 0;
  #charsSince = 0;
  #dead: PackedFailure | null = null;

  constructor(db: SqlDatabase, path: string, diskIsFull: () => boolean) {
    this.#db = db;
    this.#path = path;
    this.#diskIsFull = diskIsFull;
    const columns = [...COLUMNS, 'body'];
    const set = columns.filter((column) => column !== 'id' && column !== 'seq');
    for (const table of Object.values(TABLES))
      this.#tables.set(table, {
        upsert: db.prepare(
          `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})
           ON CONFLICT (id) DO UPDATE SET ${set.map((column) => `${column} = excluded.${column}`).join(', ')}
           WHERE seq = excluded.seq`,
        ),
        remove: db.prepare(`DELETE FROM ${table} WHERE id = ?`),
      });
    this.#saveHead = db.prepare('UPDATE head SET batch = ?, epoch = ?');
    this.#saveMark = db.prepare(
      'INSERT INTO marks (collection, seq) VALUES (?, ?) ON CONFLICT (collection) DO UPDATE SET seq = excluded.seq',
    );
    this.#checkpoint = db.prepare('PRAGMA wal_checkpoint(PASSIVE)');
    const [batch, epoch] = db.prepare('SELECT batch, epoch FROM head').all([])[0] ?? [];
    this.#head = { batch: Number(batch), epoch: Number(epoch) };
    for (const [collection, seq] of db.prepare('SELECT collection, seq FROM marks').all([]))
      this.#marks.set(String(collection), Number(seq));
  }

  /**
   * Writes as many batches of the group as follow on what is stored, in one transaction. After the first that is
   * refused, all later ones are refused for the same reason.
   */
  commit(group: readonly PackedBatch[]): CommitResults {
    const verdict = judgeGroup(this.#head, group, this.#dead);
    const failed = verdict.accepted.length > 0 ? this.#write(group, verdict.accepted, verdict.head) : null;
    const refusal = failed ?? verdict.refusal;
    if (refusal?.failure === 'fatal') this.#dead ??= refusal;
    return failed ? refuseFrom(verdict, group, this.#head, failed) : verdict.results;
  }

  /** Called after the answers have left: copies the log into the database when enough has gathered. */
  tidy(): void {
    if (this.#changesSince < CHECKPOINT_CHANGES && this.#charsSince < CHECKPOINT_CHARS) return;
    this.#copyLog();
  }

  #write(group: readonly PackedBatch[], accepted: readonly number[], head: StoredHead): PackedFailure | null {
    const marks = new Map<string, number>();
    let changes = 0;
    let chars = 0;
    try {
      this.#db.exec('BEGIN IMMEDIATE');
      for (const index of accepted) {
        const batch = group[index];
        if (!batch) continue;
        chars += this.#apply(batch, marks);
        changes += batch.collections.length;
      }
      for (const [collection, seq] of marks) this.#saveMark.run([collection, seq]);
      this.#saveHead.run([head.batch, head.epoch]);
      this.#db.exec('COMMIT');
    } catch (error) {
      return this.#rollBack(error);
    }
    for (const [collection, seq] of marks) this.#marks.set(collection, seq);
    this.#head = head;
    this.#changesSince += changes;
    this.#charsSince += chars;
    return null;
  }

  #apply(batch: PackedBatch, marks: Map<string, number>): number {
    let chars = 0;
    for (const [index, collection] of batch.collections.entries()) {
      const statements = this.#tables.get(tableOf(collection));
      if (!statements) throw new TypeError(`There is no table for '${collection}'.`);
      const values = batch.values.slice(index * FIELDS, (index + 1) * FIELDS);
      const [id = null, seq, , , , , , , body] = values as SqlValue[];
      if (typeof seq !== 'number') {
        statements.remove.run([id]);
        continue;
      }
      // No change means that the row is there with another seq: it moves, which an upsert would do slowly for all.
      if (statements.upsert.run(values) === 0) {
        statements.remove.run([id]);
        statements.upsert.run(values);
      }
      if (seq > (marks.get(collection) ?? this.#marks.get(collection) ?? 0)) marks.set(collection, seq);
      chars += typeof body === 'string' ? body.length : 0;
    }
    return chars;
  }

  #rollBack(error: unknown): PackedFailure {
    const failure = failureOf(error, this.#path, this.#diskIsFull);
    try {
      this.#db.exec('ROLLBACK');
    } catch (rollbackError) {
      // SQLite has often rolled back by itself, then there is nothing left to end.
      if (!/no transaction is active/.test(String(rollbackError)))
        return {
          failure: 'fatal',
          message: `${failure.message}; the rollback failed too: ${String(rollbackError)}`,
        };
    }
    // What was checkpointed makes room inside the log, so that small writes go on for as long as they can.
    if (failure.failure === 'full') this.#copyLog();
    return { failure: failure.failure, message: failure.message };
  }

  /** An error that is not just a full disk or a busy file kills the writer: the data is safe in the log, its copy not. */
  #copyLog(): void {
    this.#changesSince = 0;
    this.#charsSince = 0;
    try {
      this.#checkpoint.all([]);
    } catch (error) {
      const { failure, message } = failureOf(error, this.#path, this.#diskIsFull);
      if (failure === 'fatal') this.#dead ??= { failure, message };
    }
  }
}
