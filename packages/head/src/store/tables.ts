/** Names of collections and columns in the database. */
import type { CollectionName } from '@drover/engine';

/** Every collection and its table. A new collection needs a migration too. */
export const TABLES: Readonly<Record<CollectionName, string>> = {
  meta: 'meta',
  instances: 'instances',
  reservations: 'reservations',
  workers: 'workers',
  joinTokens: 'join_tokens',
  identities: 'identities',
  foreign: 'foreign_ids',
  idempotency: 'idempotency',
  tombstones: 'tombstones',
  machines: 'machines',
  clusters: 'clusters',
  jobs: 'jobs',
  requests: 'requests',
  users: 'users',
  projects: 'projects',
  tokens: 'tokens',
  events: 'events',
};

/** Columns beside the body, in the order in which rows travel between threads. */
export const COLUMNS = ['id', 'seq', 'project', 'name', 'status', 'owner', 'rev', 'v'] as const;

/** @throws {TypeError} when there is no such collection: a mistake of the caller, never of a user. */
export function tableOf(collection: CollectionName): string {
  if (!Object.hasOwn(TABLES, collection)) throw new TypeError(`There is no collection '${collection}'.`);
  return TABLES[collection];
}
