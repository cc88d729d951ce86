/** Where a PostgreSQL store lies, as it is written after `--store`. */
import { createHash } from 'node:crypto';

/** A parsed address. `label` is for messages: it holds no password. */
export interface PostgresAddress {
  /** What the driver is given: the URL without our own parameters. */
  readonly connectionString: string;
  /** The schema that holds the tables; `?schema=` in the URL, `drover` when nothing is said. */
  readonly schema: string;
  readonly label: string;
}

/** Short enough for what a restore appends to it. */
const SCHEMA = /^[a-z_][a-z0-9_]{0,37}$/;

/** Whether the text names a PostgreSQL store. */
export const isPostgresUrl = (text: string): boolean => /^postgres(ql)?:/i.test(text);

/** @throws {Error} that says what is wrong, without the password */
export function parseAddress(text: string): PostgresAddress {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new Error(
      'The address of the store is no URL: expected postgres://USER:PASSWORD@HOST:PORT/DATABASE, with special characters of the password as %XX.',
    );
  }
  if (!isPostgresUrl(text))
    throw new Error(`The store cannot be reached by ${url.protocol}//: expected postgres://.`);
  const schema = url.searchParams.get('schema') ?? 'drover';
  if (!SCHEMA.test(schema) || schema.startsWith('pg_'))
    throw new Error(
      `schema=${schema}: expected a-z, 0-9 and _, not first a digit or pg_, at most 38 characters.`,
    );
  url.searchParams.delete('schema');
  // The driver takes these for verify-full, with a warning that this will change: it does not change here.
  if (
    /^(prefer|require|verify-ca)$/.test(url.searchParams.get('sslmode') ?? '') &&
    !url.searchParams.has('uselibpqcompat')
  )
    url.searchParams.set('sslmode', 'verify-full');
  const host = url.hostname || url.searchParams.get('host') || 'localhost';
  const port = url.port || url.searchParams.get('port') || '5432';
  const database =
    decodeURIComponent(url.pathname.slice(1)) || url.searchParams.get('dbname') || url.username;
  return { connectionString: url.href, schema, label: `${host}:${port}/${database} (schema ${schema})` };
}

/** The two halves of the lease's number in the database: ours, and that of the schema. */
export function leaseKey(schema: string): readonly [number, number] {
  const digest = createHash('sha256').update(schema).digest();
  return [0x44525652, digest.readUInt32BE(0) & 0x7fff_ffff];
}
