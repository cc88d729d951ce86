/**
 * Numbered migrations of the columns. Bodies are not touched here: they have their own version `v` and are brought up
 * by the engine's upcasters. A migration that was released is never edited; a new one is appended.
 */
import { dirname } from 'node:path';
import type { SqlDatabase } from './driver.ts';
import { ThreadFailure } from './failures.ts';

/** One step of the columns. */
export interface Migration {
  readonly version: number;
  readonly sql: string;
}

/** "DRVR": marks the file as ours, so that another program's database is never taken for an empty state. */
const APPLICATION_ID = 0x44525652;

/**
 * `seq` is the rowid: it is unique, every page is ordered by it, and each index ends with it. So an index on `status`
 * is one on `(status, seq)`.
 */
function table(name: string): string {
  return `
    CREATE TABLE ${name} (
      seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, project TEXT NOT NULL, name TEXT, status TEXT NOT NULL,
      owner TEXT, rev INTEGER NOT NULL, v INTEGER NOT NULL, body TEXT NOT NULL
    ) STRICT;
    CREATE INDEX ${name}_status ON ${name} (status);
    CREATE INDEX ${name}_name ON ${name} (name) WHERE name IS NOT NULL;
    CREATE INDEX ${name}_owner ON ${name} (owner) WHERE owner IS NOT NULL;`;
}

const FIRST_TABLES = [
  'meta',
  'instances',
  'reservations',
  'workers',
  'join_tokens',
  'identities',
  'foreign_ids',
  'tombstones',
  'idempotency',
  'events',
];

/** What came with infra, clusters and jobs. */
const INFRA_TABLES = ['machines', 'clusters', 'jobs', 'requests'];
/** What came with people. */
const PEOPLE_TABLES = ['users', 'projects', 'tokens'];

export const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    sql: `
      CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), batch INTEGER NOT NULL, epoch INTEGER NOT NULL) STRICT;
      INSERT INTO head (one, batch, epoch) VALUES (1, 0, 0);
      CREATE TABLE marks (collection TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;
      ${FIRST_TABLES.map(table).join('')}`,
  },
  { version: 2, sql: INFRA_TABLES.map(table).join('') },
  { version: 3, sql: PEOPLE_TABLES.map(table).join('') },
];

/** The schema that this program writes. */
export const SCHEMA_VERSION: number = MIGRATIONS.length;

/** What a person does about a state that cannot be used. */
export const howToRestore = (dir: string): string =>
  `Restore it from a backup with: drover head restore FILE --state ${dir} --replace. To start anew instead, move the file away.`;

/**
 * Looks at a database that exists, without changing it.
 * @returns its schema version.
 * @throws {ThreadFailure} for a newer schema, a blank file, or another program's file.
 */
export function inspect(db: SqlDatabase, path: string, known: number = SCHEMA_VERSION): number {
  const found = pragma(db, 'user_version');
  const application = pragma(db, 'application_id');
  if (found === 0 && application === 0)
    throw new ThreadFailure(
      'fatal',
      `The database ${path} is blank although it exists: what it held is lost. ${howToRestore(dirname(path))}`,
    );
  if (application !== APPLICATION_ID)
    throw new ThreadFailure(
      'fatal',
      `The database ${path} was not made by Drover (application id ${application}).`,
    );
  if (found > known)
    throw new ThreadFailure(
      'fatal',
      `The database ${path} has schema version ${found}, but this program knows versions up to ${known}. Start the newer Drover that wrote it.`,
    );
  return found;
}

/** Brings the database from schema version `found` to the newest, each step in a transaction of its own. */
export function migrate(db: SqlDatabase, found: number, migrations: readonly Migration[] = MIGRATIONS): void {
  for (const { version, sql } of migrations.slice(found))
    db.exec(
      `BEGIN IMMEDIATE; ${sql}; PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${version}; COMMIT;`,
    );
}

function pragma(db: SqlDatabase, name: string): number {
  return Number(db.prepare(`PRAGMA ${name}`).all([])[0]?.[0]);
}
