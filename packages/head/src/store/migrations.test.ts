/** The columns of each version that was ever released, brought to the present one. `fixtures/` holds them, frozen. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadDriver, type SqlDatabase } from './driver.ts';
import { inspect, MIGRATIONS, migrate, SCHEMA_VERSION } from './migrations.ts';
import { MIGRATIONS as POSTGRES_MIGRATIONS } from './postgres/migrations.ts';
import { openSqliteStore } from './sqlite-store.ts';

const log = { info() {}, warn() {}, error() {} };
const fixtures = join(import.meta.dirname, 'fixtures');
const versions = Array.from({ length: SCHEMA_VERSION }, (_, index) => index + 1);
let dir: string;
let path: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'drover-migrations-'));
  path = join(dir, 'drover.db');
});
afterEach(() => rmSync(dir, { recursive: true }));

const open = async (): Promise<SqlDatabase> => (await loadDriver()).open(path);

/** Tables, columns and indexes; the words of SQL without their layout. */
const shapeOf = (db: SqlDatabase): string[] =>
  db
    .prepare("SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name")
    .all([])
    .map(([name, sql]) => `${name}: ${String(sql).replaceAll(/\s+/g, ' ')}`);

it('numbers its steps without a gap, in both databases alike, and keeps a fixture of each', () => {
  expect(MIGRATIONS.map(({ version }) => version)).toEqual(versions);
  expect(POSTGRES_MIGRATIONS.map(({ version }) => version)).toEqual(versions);
  const wanted = versions.flatMap((version) => [`postgres-${version}.sql`, `sqlite-${version}.sql`]);
  expect(readdirSync(fixtures).sort()).toEqual(wanted.sort());
});

describe.each(versions)('from version %i', (version) => {
  const make = async (): Promise<void> => {
    const db = await open();
    db.exec(readFileSync(join(fixtures, `sqlite-${version}.sql`), 'utf8'));
    db.close();
  };

  it('every row is there afterwards, and the store takes the next batch', async () => {
    await make();
    const store = await openSqliteStore({ dir, log });
    expect(await store.last()).toEqual({ batch: 12, epoch: 3 });
    expect((await store.load('instances')).map(({ seq, name, status }) => [seq, name, status])).toEqual([
      [1, 'Größe 🐑', 'COMPLETED'],
      [7, null, 'PENDING'],
    ]);
    expect(await store.maxSeq('instances')).toBe(9);
    expect(await store.load('workers')).toHaveLength(1);
    await store.commit({ number: 13, epoch: 4, changes: [] });
    await store.close();
  });

  it('the tables are those of a new database', async () => {
    await make();
    await (await openSqliteStore({ dir, log })).close();
    const migrated = await open();
    const shape = shapeOf(migrated);
    migrated.close();
    path = join(dir, 'new.db');
    const fresh = await open();
    migrate(fresh, 0);
    expect(shape).toEqual(shapeOf(fresh));
    fresh.close();
  });
});

describe('with steps that are still to come', () => {
  const next = SCHEMA_VERSION + 1;
  const later = [
    ...MIGRATIONS,
    { version: next, sql: 'CREATE INDEX events_project ON events (project)' },
    { version: next + 1, sql: 'ALTER TABLE events ADD COLUMN mood TEXT; SELECT * FROM missing' },
  ];

  it('goes from where it is, step by step, and a step that fails leaves the one before', async () => {
    const db = await open();
    migrate(db, 0);
    expect(inspect(db, path)).toBe(SCHEMA_VERSION);
    expect(() => migrate(db, SCHEMA_VERSION, later)).toThrow(/missing/);
    db.close();
    const again = await open();
    expect(inspect(again, path, next)).toBe(next);
    expect(shapeOf(again).join()).toContain('events_project');
    expect(shapeOf(again).join()).not.toContain('mood');
    again.close();
  });

  it('D12: this program refuses what they made', async () => {
    const db = await open();
    migrate(db, 0, later.slice(0, next));
    expect(() => inspect(db, path)).toThrow(
      `has schema version ${next}, but this program knows versions up to ${SCHEMA_VERSION}`,
    );
    db.close();
  });
});
