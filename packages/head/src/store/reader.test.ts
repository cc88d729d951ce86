/** Parts of what is read: ended by bytes, for one text of all bodies has a limit of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StoredRow } from '@drover/engine';
import { sampleBatch, sampleRow } from '@drover/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { snapshotSqlite } from './backup/snapshot.ts';
import { loadDriver, type SqlDatabase } from './driver.ts';
import { type PackedRows, unpackRows } from './messages.ts';
import { Reader } from './reader.ts';
import { openSqliteStore } from './sqlite-store.ts';

const MIB = 1024 * 1024;
const PART_BYTES = 8 * MIB;
const log = { info() {}, warn() {}, error() {} };
/** Its length in bytes says which row it is of; half as many characters as bytes. */
const bodyOf = (seq: number): string => JSON.stringify('ü'.repeat((3 * MIB) / 2 + seq));
const LARGE = [1, 2, 3, 4, 5, 6, 7];

let dir: string;
let db: SqlDatabase;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'drover-reader-'));
  const store = await openSqliteStore({ dir, log });
  for (const seq of LARGE) await store.commit(sampleBatch(seq, [{ ...sampleRow(seq), body: bodyOf(seq) }]));
  const small = Array.from({ length: 1_500 }, (_, at) => sampleRow(8 + at));
  await store.commit(sampleBatch(8, small));
  await store.close();
  db = (await loadDriver()).open(join(dir, 'drover.db'));
});
afterAll(async () => {
  db.close();
  await rm(dir, { recursive: true });
});

function unpacked(parts: readonly PackedRows[]): StoredRow[] {
  const rows: StoredRow[] = [];
  for (const part of parts) unpackRows(part, rows);
  return rows;
}

describe('the parts of what is read', () => {
  it('hold no more than so many bytes, and all rows come in order', () => {
    const parts: PackedRows[] = [];
    new Reader(db, PART_BYTES).load('instances', undefined, (part) => parts.push(part));
    for (const { bodies } of parts) expect(Buffer.byteLength(bodies)).toBeLessThan(PART_BYTES + MIB);
    const rows = unpacked(parts);
    expect(rows.map(({ seq }) => seq)).toEqual(Array.from({ length: 1_507 }, (_, at) => at + 1));
    for (const seq of LARGE) expect(rows[seq - 1]?.body === bodyOf(seq)).toBe(true);
  });

  it('hold one row at least, however large that is', () => {
    const parts: PackedRows[] = [];
    const query = { collection: 'instances', afterSeq: 0, limit: 7 } as const;
    new Reader(db, MIB).page(query, (part) => parts.push(part));
    expect(parts).toHaveLength(7);
    expect(unpacked(parts).map(({ seq }) => seq)).toEqual(LARGE);
  });

  it('go on where they were cut when the newest come first', () => {
    const parts: PackedRows[] = [];
    const query = { collection: 'instances', beforeSeq: 8, limit: 5 } as const;
    new Reader(db, PART_BYTES).page(query, (part) => parts.push(part));
    expect(parts.length).toBeGreaterThan(1);
    expect(unpacked(parts).map(({ seq }) => seq)).toEqual([7, 6, 5, 4, 3]);
  });

  it('make up the whole in a snapshot too', async () => {
    const snapshot = await snapshotSqlite(dir);
    const seqs: number[] = [];
    for await (const { seq } of snapshot.rows('instances')) seqs.push(seq);
    await snapshot.close();
    expect(seqs).toEqual(Array.from({ length: 1_507 }, (_, at) => at + 1));
  });
});
