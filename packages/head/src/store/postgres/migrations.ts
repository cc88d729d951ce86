/**
 * Numbered migrations of the columns in PostgreSQL. Bodies have their own version `v` and are brought up by the engine's
 * upcasters. A migration that was released is never edited; a new one is appended.
 */
import { StoreError } from '@drover/engine';
import type { PostgresAddress } from './address.ts';
import type { Connection } from './connection.ts';

/** One step; `schema` is quoted nowhere, for its name has only letters that need no quotes. */
export interface PostgresMigration {
  readonly version: number;
  readonly sql: (schema: string) => string;
}

/** `id` is the key and `seq` the order; each index ends with it, so that a page needs no sorting. */
function table(schema: string, name: string): string {
  return `
    CREATE TABLE ${schema}.${name} (
      seq bigint NOT NULL UNIQUE, id text COLLATE "C" PRIMARY KEY, project text NOT NULL, name text COLLATE "C",
      status text COLLATE "C" NOT NULL, owner text COLLATE "C", rev bigint NOT NULL, v integer NOT NULL, body text NOT NULL
    );
    CREATE INDEX ${name}_status ON ${schema}.${name} (status, seq);
    CREATE INDEX ${name}_name ON ${schema}.${name} (name, seq) WHERE name IS NOT NULL;
    CREATE INDEX ${name}_owner ON ${schema}.${name} (owner, seq) WHERE owner IS NOT NULL;`;
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

export const MIGRATIONS: readonly PostgresMigration[] = [
  {
    version: 1,
    sql: (schema) => `
      CREATE TABLE ${schema}.head (one integer PRIMARY KEY CHECK (one = 1), batch bigint NOT NULL, epoch bigint NOT NULL);
      INSERT INTO ${schema}.head (one, batch, epoch) VALUES (1, 0, 0);
      CREATE TABLE ${schema}.marks (collection text PRIMARY KEY, seq bigint NOT NULL);
      ${FIRST_TABLES.map((name) => table(schema, name)).join('')}`,
  },
  { version: 2, sql: (schema) => INFRA_TABLES.map((name) => table(schema, name)).join('') },
  { version: 3, sql: (schema) => PEOPLE_TABLES.map((name) => table(schema, name)).join('') },
];

/**
 * The schema version that is there; 0 when nothing is there yet.
 * @throws {StoreError} fatal, for a newer schema, one that is not ours, or one that lost its tables
 */
export async function inspect(
  connection: Connection,
  { schema, label }: PostgresAddress,
  known: number = MIGRATIONS.length,
): Promise<number> {
  const tables = (
    await connection.query('SELECT tablename FROM pg_tables WHERE schemaname = $1', [schema])
  ).map(([name]) => String(name));
  if (tables.length === 0) return 0;
  const refuse = (message: string): StoreError => new StoreError('fatal', `The store ${label} ${message}`);
  if (!tables.includes('drover_schema')) throw refuse('was not made by Drover: it holds other tables.');
  const [[version] = []] = await connection.query(`SELECT version FROM ${schema}.drover_schema`);
  if (typeof version !== 'number' || !tables.includes('head'))
    throw refuse(
      'is blank although it exists: what it held is lost. Restore it with: drover head restore FILE --replace',
    );
  if (version > known)
    throw refuse(
      `has schema version ${version}, but this program knows versions up to ${known}. Start the newer Drover that wrote it.`,
    );
  return version;
}

/** Brings the schema from version `found` to the newest, all steps in one transaction. Made when missing. */
export async function migrate(
  connection: Connection,
  { schema }: PostgresAddress,
  found: number,
  migrations: readonly PostgresMigration[] = MIGRATIONS,
): Promise<void> {
  const steps = migrations.slice(found);
  if (steps.length === 0) return;
  const first = `CREATE TABLE ${schema}.drover_schema (one integer PRIMARY KEY CHECK (one = 1), version integer NOT NULL);
    INSERT INTO ${schema}.drover_schema (one, version) VALUES (1, 0);`;
  const exists =
    (await connection.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema])).length > 0;
  // One message is one transaction: all of it, or nothing.
  await connection.query(
    [
      exists ? '' : `CREATE SCHEMA ${schema};`,
      found === 0 ? first : '',
      ...steps.map(({ sql }) => sql(schema)),
      `UPDATE ${schema}.drover_schema SET version = ${migrations.length}`,
    ].join('\n'),
  );
}
