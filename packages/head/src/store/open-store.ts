/** The store that a head was told to use: SQLite in its state directory, or PostgreSQL; with the secrets in it sealed. */
import { DroverError } from '@drover/core';
import { type Logger, type Store, StoreError } from '@drover/engine';
import { isPostgresUrl } from './postgres/address.ts';
import { sealing } from './seal/sealing-store.ts';
import { secretsKey } from './seal/secrets-key.ts';
import { openSqliteStore } from './sqlite-store.ts';
import { ensurePrivateDir } from './state-dir.ts';
import {
  readStoreNote,
  refuseBeside,
  refuseElsewhere,
  refuseUnfinishedRestore,
  writeStoreNote,
} from './store-note.ts';

/** Where a head keeps its state. */
export interface StorePlace {
  /** Holds tokens and blobs in any case. */
  readonly stateDir: string;
  /** `postgres://...`, or null for SQLite in the state directory. */
  readonly store: string | null;
}

/**
 * Opens the store and takes it for this process alone.
 * @throws {StoreError} see the two stores; also when a blank state would hide the one that is there
 * @throws {Error} when the directory is not ours alone, or the address of the store is no address
 */
export async function openStore(
  { stateDir, store: url }: StorePlace,
  ports: { readonly log: Logger; readonly onFatal: (error: Error) => void },
): Promise<Store> {
  ensurePrivateDir(stateDir);
  refuseUnfinishedRestore(stateDir);
  if (url === null) {
    refuseElsewhere(stateDir);
    const key = secretsKey(stateDir);
    return answering(sealing(await openSqliteStore({ dir: stateDir, log: ports.log }), key, stateDir));
  }
  if (!isPostgresUrl(url)) throw new Error('The store must be postgres://USER:PASSWORD@HOST:PORT/DATABASE.');
  refuseBeside(stateDir);
  const key = secretsKey(stateDir);
  // The driver is loaded only where it is used: it is a third of the time that a head takes to start.
  const { openPostgresStore } = await import('./postgres/postgres-store.ts');
  const store = await openPostgresStore({ url, ...ports });
  try {
    const before = readStoreNote(stateDir);
    if (before !== null && (await store.last()).batch === 0)
      throw new StoreError(
        'fatal',
        `The store ${store.label} is blank, but the state of ${stateDir} was at ${before}. Name that one, restore a backup here, or remove ${stateDir}/store.json to start anew.`,
      );
    writeStoreNote(stateDir, store.label);
  } catch (error) {
    await store.close();
    throw error;
  }
  return answering(sealing(store, key, store.label));
}

/** A read that fails for a while is a 503 for who asked: the engine's services pass such an error on as it is. */
function answering(store: Store): Store {
  const tell = (error: unknown): never => {
    if (!(error instanceof StoreError) || error.failure === 'fatal') throw error;
    const rule = error.message;
    throw new DroverError(
      'STORE_FULL',
      { rule },
      { message: `the head cannot read its state (${rule})`, cause: error },
    );
  };
  return {
    kind: store.kind,
    last: () => store.last(),
    load: (collection, statuses) => store.load(collection, statuses),
    maxSeq: (collection) => store.maxSeq(collection),
    commit: (batch) => store.commit(batch),
    page: (query) => store.page(query).catch(tell),
    get: (collection, id) => store.get(collection, id).catch(tell),
    close: () => store.close(),
  };
}
