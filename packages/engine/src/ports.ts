/**
 * All that the engine needs from outside. The head gives the real ones, testkit the virtual ones; the engine itself
 * knows no clock, no disk and no socket.
 */
import type { TreeManifest } from '@drover/core';
import type { HeadFrame, SshAccess } from '@drover/core/wire';
import type { MachineType } from './infra/machine-type.ts';
import type { Origin } from './origin.ts';

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Unix time in milliseconds; only for stamps that people read. */
  wallMs(): number;
  /** Milliseconds that never go back; for every duration and deadline. */
  monoMs(): number;
  /** Calls `fn` once after `delayMs`. A pending timer does not keep a process alive. */
  after(delayMs: number, fn: () => void): Timer;
  /** Calls `fn` at the end of the present turn, before any timer and any new input. */
  defer(fn: () => void): void;
}

export interface Random {
  uuid(): string;
  /** At least 160 random bits, URL-safe, with the given prefix. */
  token(prefix: string): string;
  /** Bytes of standard base64; what is not base64 is skipped. */
  fromBase64(text: string): Uint8Array;
  /** One-way digest of a secret (SHA-256, hex), for storing and finding it. */
  digest(secret: string): string;
}

export type CollectionName =
  | 'meta'
  | 'instances'
  | 'reservations'
  | 'workers'
  | 'joinTokens'
  | 'identities'
  | 'foreign'
  | 'idempotency'
  | 'tombstones'
  | 'machines'
  | 'clusters'
  | 'jobs'
  | 'requests'
  | 'users'
  | 'projects'
  | 'tokens'
  | 'events';

/** A row as the store keeps it. `body` is JSON text; the other fields are columns. */
export interface StoredRow {
  readonly id: string;
  /** Order of creation, unique within the collection. */
  readonly seq: number;
  readonly project: string;
  readonly name: string | null;
  readonly status: string;
  /** `collection/id` of what made this row, or null. */
  readonly owner: string | null;
  /** Revision of the head at which this row was written last. */
  readonly rev: number;
  /** Version of the body's shape. */
  readonly v: number;
  readonly body: string;
}

export type StoreChange =
  | { readonly op: 'put'; readonly collection: CollectionName; readonly row: StoredRow }
  | { readonly op: 'delete'; readonly collection: CollectionName; readonly id: string };

/** One atomic write. Numbers grow by one; `epoch` is the head's own, and a store with a higher one refuses. */
export interface Batch {
  readonly number: number;
  readonly epoch: number;
  readonly changes: readonly StoreChange[];
}

/**
 * `full` and `busy`: nothing was written, the same batch may be tried again. `fatal` (a failed sync, a lost epoch,
 * damage): the head must stop.
 */
export type StoreFailure = 'full' | 'busy' | 'fatal';

export class StoreError extends Error {
  readonly failure: StoreFailure;
  constructor(failure: StoreFailure, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'StoreError';
    this.failure = failure;
  }
}

/** A page of rows by descending `seq` (newest first). All filters must match. */
export interface PageQuery {
  readonly collection: CollectionName;
  readonly statuses?: readonly string[];
  readonly name?: string;
  readonly owner?: string;
  readonly project?: string;
  /** Only rows with a lower seq (a cursor for "older"). */
  readonly beforeSeq?: number;
  /** Only rows with a higher seq; then the order is ascending. */
  readonly afterSeq?: number;
  readonly limit: number;
}

export interface Store {
  readonly kind: string;
  /** The highest batch number and epoch that it holds; 0 on an empty store. */
  last(): Promise<{ batch: number; epoch: number }>;
  /** All rows of one collection, or those with one of the statuses, by ascending seq. */
  load(collection: CollectionName, statuses?: readonly string[]): Promise<StoredRow[]>;
  /** Highest seq ever stored in the collection, 0 when empty. Deleted rows count too. */
  maxSeq(collection: CollectionName): Promise<number>;
  /** Resolves when the batch is durable (full sync). A batch number already stored resolves without a write. @throws {StoreError} */
  commit(batch: Batch): Promise<void>;
  /** Reads see every batch whose commit has resolved. */
  page(query: PageQuery): Promise<StoredRow[]>;
  get(collection: CollectionName, id: string): Promise<StoredRow | null>;
  /** Waits for the writes under way. */
  close(): Promise<void>;
}

/** Files by key (`log/<instance>/<attempt>`). Keys are made of ids only: never of what a user wrote. */
export interface Blobs {
  /** Durable when it resolves; replaces what was there, never half. @returns the bytes written. */
  put(key: string, bytes: AsyncIterable<Uint8Array> | Uint8Array): Promise<number>;
  /** Bytes from `offset`, at most `limit`. Null when the key does not exist. */
  read(key: string, offset: number, limit: number): Promise<AsyncIterable<Uint8Array> | null>;
  size(key: string): Promise<number | null>;
  /** No error when it does not exist. */
  delete(key: string): Promise<void>;
}

/**
 * Files that people send: contents by their SHA-256, and trees made of them. What no tree holds goes after a day, and so
 * does a tree that nobody needs. @throws {DroverError} FILES_FULL from whatever writes.
 */
export interface Files {
  /** Sorts the entries. Durable when it resolves. @throws {DroverError} INVALID_REQUEST, CONTENT_MISSING */
  putTree(manifest: TreeManifest): Promise<{ tree: string; files: number; bytes: number }>;
  /** Durable when it resolves. Many small ones at once share their syncs. */
  putContent(bytes: AsyncIterable<Uint8Array>): Promise<{ sha256: string; size: number }>;
  has(sha256: string): Promise<boolean>;
  /** @throws {DroverError} FILES_FULL when so many bytes more would leave too little for everything else */
  checkRoom(bytes: number): Promise<void>;
  hasTree(tree: string): Promise<boolean>;
  /** Null: there is none of that id. */
  readTree(tree: string): Promise<TreeManifest | null>;
  readContent(sha256: string): Promise<AsyncIterable<Uint8Array> | null>;
}

/** One open control link. Frames leave in order; a closed link drops them (the next inventory mends it). */
export interface LinkPort {
  send(frames: readonly HeadFrame[]): void;
  close(code: number, reason: string): void;
}

/** One machine as its provider shows it. `note`: what the provider adds, such as the end of its console log. */
export interface ProviderMachine {
  readonly tag: string;
  readonly id: string;
  readonly status: 'creating' | 'running' | 'stopping' | 'stopped' | 'terminating';
  readonly address: string | null;
  readonly note: string | null;
}

/** What is asked of a provider. `join`: with what the machine's worker becomes one of this herd. */
export interface MachineOrder {
  readonly tag: string;
  readonly type: string;
  readonly region: string | null;
  readonly zone: string | null;
  readonly spot: boolean;
  readonly name: string;
  readonly join: { readonly url: string; readonly token: string };
  /** US dollars; null: no limit. */
  readonly maxPricePerHour: number | null;
}

/**
 * OUT_OF_STOCK, QUOTA, AUTH, INVALID, PRICE_CHANGED: this very call has made nothing, and asking again at once will not
 * help. RATE_LIMITED: ask later, of everything. TRANSIENT: nobody knows what it did; ask again.
 */
export type ProviderFailure =
  | 'OUT_OF_STOCK'
  | 'QUOTA'
  | 'AUTH'
  | 'INVALID'
  | 'RATE_LIMITED'
  | 'TRANSIENT'
  | 'PRICE_CHANGED';

/** What a provider throws. The message names the machine or host, and says what to do. */
export class ProviderError extends Error {
  readonly failure: ProviderFailure;
  /** RATE_LIMITED: when to ask again, if the provider has said so. */
  readonly retryAfterMs: number | null;
  constructor(
    failure: ProviderFailure,
    message: string,
    options: { readonly cause?: unknown; readonly retryAfterMs?: number } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'ProviderError';
    this.failure = failure;
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}

/**
 * Where machines of one infra come from. Every call may be made twice: a machine is known by its tag, and what is there
 * already (or gone already) is no error. Any call may throw a {@link ProviderError}.
 */
export interface ProviderPort {
  /** `local`, `ssh/<pool>`, `fake/<name>`. */
  readonly infra: string;
  /** shared: machines belong to the infra, and clusters share them. dedicated: a machine for each node of a cluster. */
  readonly sharing: 'shared' | 'dedicated';
  readonly features: { readonly stop: boolean; readonly spot: boolean };
  /** exact: a machine that is not listed does not exist. eventual: it must be missed several times. */
  readonly listing: 'exact' | 'eventual';
  catalogue(): Promise<readonly MachineType[]>;
  create(order: MachineOrder): Promise<ProviderMachine>;
  stop(tag: string): Promise<void>;
  start(tag: string): Promise<void>;
  terminate(tag: string): Promise<void>;
  list(): Promise<readonly ProviderMachine[]>;
  /** Why only admins may run something on its machines; absent: whoever may launch may. */
  readonly adminsOnly?: string | undefined;
  /** What is wrong with parts of it, although it works: hosts that cannot be reached. */
  problems?(): readonly string[];
  /** How the sshd of its machines are reached; absent: they have none that people use. */
  sshAccess?(): Promise<readonly SshAccess[]>;
}

/** The providers that are set up now; asked anew each time, since configurations change while the head runs. */
export interface Providers {
  all(): readonly ProviderPort[];
  get(infra: string): ProviderPort | undefined;
  /** The address at which workers reach this head; resolves when it serves. */
  joinUrl(): Promise<string>;
}

/** One call to a URL that a user has given. */
export interface OutboundCall {
  readonly url: string;
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT';
  /** Those of the connection itself, and cookies, are refused. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** From the name to the last byte of the answer; at most a minute. */
  readonly timeoutMs: number;
  /** A longer answer is a failure. */
  readonly mostBytes: number;
}

/** An answer of any status: a redirect is one, and is not followed. */
export interface OutboundReply {
  readonly status: number;
  /** Names in small letters. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/**
 * The only way to call what a user names: callbacks, probes, fetches. It reaches the public internet, and the networks
 * that the operator opens; never this machine, what is private around it, or what a name shows only after it was judged.
 */
export interface Outbound {
  /** What can be told without asking for an address, for an early refusal. @throws {DroverError} OUTBOUND_REFUSED */
  check(url: string): void;
  /** @throws {DroverError} OUTBOUND_REFUSED, OUTBOUND_FAILED, TOO_MANY_REQUESTS */
  call(call: OutboundCall): Promise<OutboundReply>;
}

export interface Logger {
  /** Absent: such lines are not wanted. */
  debug?(fields: Record<string, unknown>, message: string): void;
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
}

/**
 * Hears what the engine does, for who measures it. Called on the hottest paths: it must be cheap and must not throw, and
 * nothing depends on it. Durations are milliseconds of the engine's clock.
 */
export interface Meter {
  /** A batch is durable. `ms`: since it went to the store first, retries included. */
  committed(batch: { readonly changes: number; readonly ms: number }): void;
  /** The store has refused a batch, which is tried again. */
  commitRefused(failure: Exclude<StoreFailure, 'fatal'>): void;
  /** A pass of the scheduler has ended. `placed`: reservations. */
  passed(pass: { readonly placed: number; readonly ms: number }): void;
  /** A worker has been told to start an attempt. `ms`: from the decision until it was durable and left. */
  ordered(order: {
    readonly instance: string;
    readonly attempt: number;
    readonly worker: string;
    readonly origin: Origin | undefined;
    readonly ms: number;
  }): void;
  /** A worker was heard on its link only after twice the time within which it should say something. */
  heardLate(): void;
  /** So many bytes of logs are in the archive now. */
  archived(bytes: number): void;
}

export interface Ports {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: Store;
  readonly blobs: Blobs;
  readonly log: Logger;
  readonly meter?: Meter;
  /** None: only workers that join by hand. */
  readonly providers?: Providers;
  /** None: nothing that a user names is called. */
  readonly outbound?: Outbound;
  /** The state can no longer be trusted to be stored: end the process. */
  readonly fatal: (error: Error) => void;
}
