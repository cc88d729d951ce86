/**
 * Secrets of tasks on their way to the store and back: AES-256-GCM under a key that is not in the store, each with a number
 * of its own and bound to its row. What an older head stored in clear is read as it is, and sealed when it is written next.
 * Digests of tokens need none of this.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import {
  type CollectionName,
  type Store,
  type StoreChange,
  type StoredRow,
  StoreError,
} from '@drover/engine';

/** Where in the body of a row they stand, and what the text of every body that has some holds. */
const PLACES: Partial<Record<CollectionName, { readonly path: readonly string[]; readonly mark: string }>> = {
  instances: { path: ['spec', 'node', 'context'], mark: '"context":{"' },
  jobs: { path: ['task', 'secrets'], mark: '"secrets":{"' },
};
/** No name of a variable begins so; and in a text of a user the quotes have backslashes. */
const SEALED = '$sealed';
const SEALED_MARK = `{"${SEALED}":"`;
const VERSION = 'v1.';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

type Json = Record<string, unknown>;
/** What a value is bound to: put into another row, it cannot be opened. */
type Bound = (path: readonly string[]) => string;

/** The same store, in which those places are sealed. @param where names the store in the error about another key */
export function sealing(store: Store, key: Buffer, where: string): Store {
  const sealRow = (collection: CollectionName, row: StoredRow): StoredRow => {
    const place = PLACES[collection];
    if (!place || !row.body.includes(place.mark)) return row;
    return replaced(row, place.path, boundTo(collection, row), (value, bound) =>
      SEALED in value ? value : { [SEALED]: sealText(key, JSON.stringify(value), bound) },
    );
  };
  const openRow = (collection: CollectionName, row: StoredRow): StoredRow => {
    const place = PLACES[collection];
    if (!place || !row.body.includes(SEALED_MARK)) return row;
    return replaced(row, place.path, boundTo(collection, row), (value, bound) => {
      const sealed = value[SEALED];
      if (typeof sealed !== 'string') return value;
      try {
        return JSON.parse(openText(key, sealed, bound)) as Json;
      } catch (cause) {
        throw new StoreError(
          'fatal',
          `secrets in ${where} (${collection}/${row.id}) were sealed with another key: put the secrets.key of the state folder that wrote them into this one`,
          { cause },
        );
      }
    });
  };
  const change = (each: StoreChange): StoreChange =>
    each.op === 'put' ? { ...each, row: sealRow(each.collection, each.row) } : each;
  return {
    kind: store.kind,
    last: () => store.last(),
    maxSeq: (collection) => store.maxSeq(collection),
    load: async (collection, statuses) =>
      (await store.load(collection, statuses)).map((row) => openRow(collection, row)),
    commit: (batch) => store.commit({ ...batch, changes: batch.changes.map(change) }),
    page: async (query) => (await store.page(query)).map((row) => openRow(query.collection, row)),
    async get(collection, id) {
      const row = await store.get(collection, id);
      return row && openRow(collection, row);
    },
    close: () => store.close(),
  };
}

const boundTo =
  (collection: CollectionName, { id }: StoredRow): Bound =>
  (path) =>
    `${collection}/${id}/${path.join('.')}`;

/** The row with another value at the path; the same one where nothing is there. */
function replaced(
  row: StoredRow,
  path: readonly string[],
  bound: Bound,
  change: (value: Json, bound: string) => Json,
): StoredRow {
  const body = JSON.parse(row.body) as Json;
  const last = path.at(-1) ?? '';
  const parent = path
    .slice(0, -1)
    .reduce<unknown>((at, key) => (at as Json | null)?.[key], body) as Json | null;
  const value = parent?.[last];
  if (typeof value !== 'object' || value === null || !parent || Object.keys(value).length === 0) return row;
  parent[last] = change(value as Json, bound(path));
  return { ...row, body: JSON.stringify(body) };
}

function sealText(key: Buffer, text: string, bound: string): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(bound));
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return VERSION + Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url');
}

function openText(key: Buffer, text: string, bound: string): string {
  if (!text.startsWith(VERSION)) throw new Error('sealed in a way that this program does not know');
  const bytes = Buffer.from(text.slice(VERSION.length), 'base64url');
  const nonce = bytes.subarray(0, NONCE_BYTES);
  const tag = bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES);
  const cipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(bound)).setAuthTag(tag);
  return Buffer.concat([cipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), cipher.final()]).toString(
    'utf8',
  );
}
