/**
 * Writes any number of changes by one statement, or none when the store is not where we believe it to be.
 *
 * `fence` moves the head's row from the batch and epoch that this head wrote last to the next. Another head that has
 * written meanwhile has left other numbers there: then the row is not found, `changes` is empty, and nothing happens.
 * While it is held, the row's lock keeps every other writer out.
 */

import { FIELDS, type PackedBatch } from '../messages.ts';
import { COLUMNS, TABLES } from '../tables.ts';

/** Values: changes as JSON, new batch, new epoch, old batch, old epoch, marks as JSON. Answers with one row when it wrote. */
export function applySql(schema: string): string {
  const columns = [...COLUMNS, 'body'];
  const set = columns.filter((column) => column !== 'id').map((column) => `${column} = excluded.${column}`);
  const tables = Object.entries(TABLES).flatMap(([collection, table]) => [
    `put_${table} AS (
      INSERT INTO ${schema}.${table} (${columns.join(', ')})
      SELECT ${columns.join(', ')} FROM changes WHERE c = '${collection}' AND seq IS NOT NULL
      ON CONFLICT (id) DO UPDATE SET ${set.join(', ')})`,
    `del_${table} AS (
      DELETE FROM ${schema}.${table} old USING changes WHERE changes.c = '${collection}' AND changes.seq IS NULL AND old.id = changes.id)`,
  ]);
  return `WITH fence AS (
      UPDATE ${schema}.head SET batch = $2, epoch = $3 WHERE batch = $4 AND epoch = $5 RETURNING batch),
    changes AS MATERIALIZED (
      SELECT x.* FROM fence CROSS JOIN json_to_recordset($1::json) AS x (
        c text, id text, seq bigint, project text, name text, status text, owner text, rev bigint, v integer, body text)),
    ${tables.join(',\n    ')},
    put_marks AS (
      INSERT INTO ${schema}.marks AS old (collection, seq)
      SELECT x.collection, x.seq FROM fence CROSS JOIN json_to_recordset($6::json) AS x (collection text, seq bigint)
      ON CONFLICT (collection) DO UPDATE SET seq = greatest(old.seq, excluded.seq))
    SELECT batch FROM fence`;
}

/** Characters of bodies and changes that go in one statement. */
const PART_CHARS = 4 * 1024 * 1024;
const PART_CHANGES = 5_000;

/** A group of batches as the values of statements: what each row is in the end, and the highest seq of each collection. */
export interface PackedChanges {
  /** JSON for `changes`, at least one. */
  readonly parts: readonly string[];
  readonly marks: string;
}

/** Only the last change of a row counts: the group is written as a whole or not at all. */
export function packChanges(batches: readonly PackedBatch[]): PackedChanges {
  const last = new Map<string, Record<string, unknown>>();
  const marks = new Map<string, number>();
  for (const { collections, values } of batches)
    for (const [index, c] of collections.entries()) {
      const [id, seq, project, name, status, owner, rev, v, body] = values.slice(
        index * FIELDS,
        (index + 1) * FIELDS,
      );
      const key = `${c}/${String(id)}`;
      if (typeof seq !== 'number') {
        last.set(key, { c, id });
        continue;
      }
      last.set(key, { c, id, seq, project, name, status, owner, rev, v, body });
      marks.set(c, Math.max(seq, marks.get(c) ?? seq));
    }
  const parts: string[] = [];
  let part: string[] = [];
  let chars = 0;
  for (const change of last.values()) {
    const text = JSON.stringify(change);
    if (part.length > 0 && (chars + text.length > PART_CHARS || part.length === PART_CHANGES)) {
      parts.push(`[${part.join(',')}]`);
      part = [];
      chars = 0;
    }
    part.push(text);
    chars += text.length;
  }
  parts.push(`[${part.join(',')}]`);
  return {
    parts,
    marks: JSON.stringify([...marks].map(([collection, seq]) => ({ collection, seq }))),
  };
}
