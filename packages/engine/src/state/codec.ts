/** Rows to and from the store. Bodies change by pure upcasters from `v` to `v + 1`, listed here. */
import { DEFAULT_PLACE } from '@drover/core';
import { type CollectionName, type StoredRow, StoreError } from '../ports.ts';
import type { RowBase } from './rows.ts';

/** The body versions that this code writes; 1 where nothing is said. */
const VERSIONS: Partial<Record<CollectionName, number>> = {
  instances: 3,
  reservations: 3,
  workers: 3,
  joinTokens: 2,
  identities: 2,
  events: 2,
};
const versionOf = (collection: CollectionName): number => VERSIONS[collection] ?? 1;

type Upcaster = (body: Record<string, unknown>) => Record<string, unknown>;
/** `UPCASTERS[collection][v]` brings a body from `v` to `v + 1`. */
const UPCASTERS: Partial<Record<CollectionName, Record<number, Upcaster>>> = {
  instances: {
    1: (body) => ({
      ...body,
      spec: { ...(body['spec'] as object), onWorkerLost: 'wait', lostAfterMs: null },
    }),
    2: (body) => ({ ...body, spec: { ...(body['spec'] as object), node: null } }),
  },
  workers: {
    1: (body) => ({ ...body, place: DEFAULT_PLACE, machine: null, draining: false }),
    2: (body) => ({ ...body, joinToken: null }),
  },
  joinTokens: { 1: (body) => ({ ...body, place: DEFAULT_PLACE, machine: null }) },
  identities: { 1: (body) => ({ ...body, next: null, voided: null, expiresMs: null }) },
  events: {
    1: (body) => ({ ...body, actorKind: kindOf(String(body['actor'])), byAdmin: false, source: null }),
  },
  reservations: {
    1: (body) => ({ ...body, leftBy: null }),
    2: (body) => ({ ...body, place: DEFAULT_PLACE, types: null, isNode: false }),
  },
};

/** Before it was written down, the name alone told what an actor was. */
function kindOf(actor: string): 'person' | 'worker' | 'system' {
  if (actor === 'system') return 'system';
  return actor.startsWith('worker/') ? 'worker' : 'person';
}

export function encodeRow(collection: CollectionName, row: RowBase): StoredRow {
  const { id, seq, project, name, status, owner, rev, v: _v, ...body } = row;
  return { id, seq, project, name, status, owner, rev, v: versionOf(collection), body: JSON.stringify(body) };
}

/** @throws {StoreError} fatal, when the row is newer than this code or its body is damaged. */
export function decodeRow<Row extends RowBase>(collection: CollectionName, stored: StoredRow): Row {
  const { body: text, ...columns } = stored;
  const newest = versionOf(collection);
  if (columns.v > newest) {
    throw new StoreError(
      'fatal',
      `${collection}/${columns.id} has version ${columns.v}; this head knows up to ${newest}`,
    );
  }
  let body: Record<string, unknown>;
  try {
    body = JSON.parse(text) as Record<string, unknown>;
  } catch (cause) {
    throw new StoreError('fatal', `${collection}/${columns.id} is damaged`, { cause });
  }
  for (let v = columns.v; v < newest; v++) {
    const upcast = UPCASTERS[collection]?.[v];
    if (!upcast) throw new StoreError('fatal', `${collection}: no way from version ${v} to ${v + 1}`);
    body = upcast(body);
  }
  return Object.freeze({ ...columns, ...body }) as unknown as Row;
}
