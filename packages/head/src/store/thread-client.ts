/** The main thread's side of a database thread. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { type StoredRow, StoreError } from '@drover/engine';
import { forgetGate, watchGate } from './exit-gate.ts';
import {
  type OperationName,
  type Operations,
  type PackedFailure,
  type ThreadOpened,
  type ThreadReply,
  type ThreadStart,
  unpackRows,
} from './messages.ts';

interface Waiting {
  readonly rows: StoredRow[];
  resolve(result: unknown, rows: StoredRow[]): void;
  reject(error: StoreError): void;
}

/** One database thread. It keeps the process alive only while a call is under way. */
export class ThreadClient {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #ended: StoreError | null = null;
  #closing = false;
  readonly #gate: Int32Array;

  private constructor(worker: Worker, gate: Int32Array) {
    this.#worker = worker;
    this.#gate = gate;
    worker.on('message', (reply: ThreadReply) => this.#receive(reply));
    worker.on('error', (error) => this.#end(error instanceof Error ? error.message : String(error)));
    worker.on('messageerror', (error) => this.#end(error.message));
    worker.on('exit', () => this.#end('it has ended'));
    worker.unref();
  }

  /** Starts a thread and waits until its connection is open. @throws {StoreError} */
  static async start(
    file: URL,
    start: Omit<ThreadStart, 'gate'>,
  ): Promise<{ client: ThreadClient; driver: string; migratedFrom: number | null }> {
    const gate = watchGate();
    const workerData: ThreadStart = { ...start, gate };
    const worker = new Worker(file, { workerData, name: `drover-store-${start.role}`, execArgv: [] });
    const opened = await firstMessage(worker).catch((cause: unknown) => {
      forgetGate(gate);
      throw new StoreError('fatal', `The database thread did not start: ${String(cause)}`, { cause });
    });
    if (!opened.opened) {
      forgetGate(gate);
      throw toStoreError(opened.error);
    }
    return {
      client: new ThreadClient(worker, gate),
      driver: opened.driver,
      migratedFrom: opened.migratedFrom,
    };
  }

  /** @throws {StoreError} */
  call<Name extends OperationName>(
    op: Name,
    input: Operations[Name]['takes'],
  ): Promise<Operations[Name]['gives']> {
    return new Promise((resolve, reject) => {
      this.#send(op, input, {
        rows: [],
        resolve: (result) => resolve(result as Operations[Name]['gives']),
        reject,
      });
    });
  }

  /** A call whose answer is rows. @throws {StoreError} */
  rows<Name extends 'load' | 'page'>(op: Name, input: Operations[Name]['takes']): Promise<StoredRow[]> {
    return new Promise((resolve, reject) => {
      this.#send(op, input, { rows: [], resolve: (_, rows) => resolve(rows), reject });
    });
  }

  /** Closes the connection and waits for the end of the thread. */
  async close(): Promise<void> {
    if (this.#ended) return;
    this.#closing = true; // the thread keeps the process alive until it has ended
    const ended = new Promise<void>((resolve) => this.#worker.once('exit', () => resolve()));
    await this.call('close', null);
    await ended;
  }

  #send(op: OperationName, input: unknown, waiting: Waiting): void {
    if (this.#ended) {
      waiting.reject(this.#ended);
      return;
    }
    const id = this.#nextId++;
    this.#waiting.set(id, waiting);
    this.#worker.ref();
    this.#worker.postMessage({ id, op, input });
  }

  #receive(reply: ThreadReply): void {
    const waiting = this.#waiting.get(reply.id);
    if (!waiting) return;
    if ('part' in reply) {
      unpackRows(reply.part, waiting.rows);
      return;
    }
    this.#waiting.delete(reply.id);
    if (this.#waiting.size === 0 && !this.#closing) this.#worker.unref();
    if ('error' in reply) waiting.reject(toStoreError(reply.error));
    else waiting.resolve(reply.result, waiting.rows);
  }

  #end(why: string): void {
    forgetGate(this.#gate);
    this.#ended ??= new StoreError('fatal', `The database thread cannot be reached: ${why}.`);
    for (const waiting of this.#waiting.values()) waiting.reject(this.#ended);
    this.#waiting.clear();
  }
}

async function firstMessage(worker: Worker): Promise<ThreadOpened> {
  const stop = new AbortController();
  try {
    const exit = once(worker, 'exit', stop).then(([code]) => {
      throw new Error(`it ended with ${code}`);
    });
    // `once` rejects by itself when the worker reports an error.
    const [message] = await Promise.race([once(worker, 'message', stop), exit]);
    return message as ThreadOpened;
  } finally {
    stop.abort();
  }
}

/** The engine's error for a failure that a thread reported. */
export function toStoreError({ failure, message }: PackedFailure): StoreError {
  return new StoreError(failure, message);
}
