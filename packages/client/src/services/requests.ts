import { DroverError, type ErrorCode, isRequestFinal } from '@drover/core';
import type { ErrorFact, RequestPage, RequestRecordBody, RequestView } from '@drover/core/wire';
import { segment } from '../transport/target.ts';
import type { Transport } from '../transport/transport.ts';
import { pollUntil } from './long-poll.ts';
import type { CallOptions, WaitOptions } from './options.ts';
import { RequestFuture } from './request-future.ts';
import { resumed } from './seen-lines.ts';

/** Which requests a list shows. */
export interface RequestFilter {
  /** Those that have ended too. Default false. */
  readonly all?: boolean | undefined;
  /** Those of other users too. Default true. */
  readonly allUsers?: boolean | undefined;
  readonly cluster?: string | undefined;
}

/** Which requests are cancelled. Nothing named is an error. */
export interface RequestChoice {
  readonly ids?: readonly string[] | undefined;
  /** All of the caller. */
  readonly all?: boolean | undefined;
  /** All of everybody. */
  readonly allUsers?: boolean | undefined;
}

export interface RequestLogOptions extends CallOptions {
  /** Goes on until the request ends. Default true. */
  readonly follow?: boolean | undefined;
  /** So many lines from the end; default: all. */
  readonly tail?: number | undefined;
}

/**
 * `client.requests`. `ref` is an id or its beginning (3 characters or more); null names the newest. Methods that take one
 * throw REQUEST_NOT_FOUND or AMBIGUOUS.
 */
export class Requests {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The request as it stands. */
  async view(ref: string | null, options: CallOptions = {}): Promise<RequestView> {
    return await this.#transport.json<RequestView>({
      path: `/v1/requests/${segment(ref ?? '-')}`,
      repeat: 'always',
      signal: options.signal,
    });
  }

  /** A hold on a request that some process has made. Sends nothing. */
  future<T = unknown>(id: string): RequestFuture<T> {
    return new RequestFuture<T>(this, id);
  }

  /**
   * Waits for its end. @returns its result
   * @throws {DroverError} the error that it failed with, as its own call would have thrown it; REQUEST_CANCELLED; TIMEOUT
   */
  async get<T = unknown>(ref: string | null, options: WaitOptions = {}): Promise<T> {
    const view = await this.wait(ref, options);
    return resultOf<T>(view);
  }

  /** Waits for its end. @returns the request, however it ended @throws {DroverError} TIMEOUT */
  async wait(ref: string | null, options: WaitOptions = {}): Promise<RequestView> {
    return await pollUntil(
      `the end of request ${ref ?? '(the newest)'}`,
      (holdMs, signal) =>
        this.#transport.json<RequestView>({
          path: `/v1/requests/${segment(ref ?? '-')}`,
          query: { wait: true, timeoutMs: holdMs },
          repeat: 'always',
          holdMs,
          signal,
        }),
      (view) => isRequestFinal(view.status),
      options,
    );
  }

  /**
   * Keeps the outcome of a short call as a request that has ended, so that another process finds it by its id.
   * @throws {DroverError} INVALID_REQUEST, BODY_TOO_LARGE (1 MiB)
   */
  async record(outcome: RequestRecordBody, options: CallOptions = {}): Promise<RequestView> {
    return await this.#transport.json<RequestView>({
      method: 'POST',
      path: '/v1/requests',
      body: outcome,
      headers: { 'idempotency-key': crypto.randomUUID() },
      repeat: 'always',
      signal: options.signal,
    });
  }

  /** One page, newest first. */
  async page(
    filter: RequestFilter = {},
    options: { cursor?: string | null; limit?: number } & CallOptions = {},
  ): Promise<RequestPage> {
    return await this.#transport.json<RequestPage>({
      path: '/v1/requests',
      query: {
        all: filter.all,
        allUsers: filter.allUsers,
        cluster: filter.cluster,
        cursor: options.cursor,
        limit: options.limit,
      },
      repeat: 'always',
      signal: options.signal,
    });
  }

  /** All that match, newest first. */
  async *list(filter: RequestFilter = {}, options: CallOptions = {}): AsyncGenerator<RequestView> {
    let cursor: string | null = null;
    do {
      const page: RequestPage = await this.page(filter, { ...options, cursor, limit: 500 });
      yield* page.items;
      cursor = page.nextCursor;
    } while (cursor !== null);
  }

  /** Cancels what they asked for, as far as it has not happened. @returns the ids of those that were cancelled */
  async cancel(choice: RequestChoice, options: CallOptions = {}): Promise<string[]> {
    const { ids } = await this.#transport.json<{ ids: string[] }>({
      method: 'POST',
      path: '/v1/requests/cancel',
      body: { ids: choice.ids ?? null, all: choice.all ?? false, allUsers: choice.allUsers ?? false },
      repeat: 'always',
      signal: options.signal,
    });
    return ids;
  }

  /**
   * What it says while it goes on, as text. A stream that breaks off is taken up after the lines that have come.
   * @throws {DroverError}
   */
  async *stream(ref: string | null, options: RequestLogOptions = {}): AsyncGenerator<string> {
    const { follow = true, tail, signal } = options;
    const id = ref ?? (await this.view(null, options)).id;
    yield* resumed(() => this.#lines(id, { follow, tail, signal }), signal);
  }

  async *#lines(id: string, options: RequestLogOptions): AsyncGenerator<string> {
    const reply = await this.#transport.stream({
      path: `/v1/requests/${segment(id)}/log`,
      query: { follow: options.follow, tail: options.tail },
      headers: { accept: 'text/plain, application/json' },
      repeat: 'always',
      signal: options.signal,
    });
    try {
      yield* linesOf(reply.chunks);
    } finally {
      reply.release();
    }
  }
}

/** Whole lines, each with its end. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) yield `${part}\n`;
  }
  if (rest !== '') yield rest;
}

/** The result of a request that has ended. @throws {DroverError} its error, or REQUEST_CANCELLED */
export function resultOf<T>(view: RequestView): T {
  if (view.status === 'CANCELLED')
    throw new DroverError('REQUEST_CANCELLED', {
      ref: view.id,
      rule: view.reason?.message ?? 'nobody said why',
    });
  if (view.error !== null) throw errorOf(view.error, view.id);
  return view.result as T;
}

/** An error as it was thrown where it happened. */
export function errorOf({ code, message, details }: ErrorFact, requestId?: string): DroverError {
  return new DroverError(code as ErrorCode, details, { message, ...(requestId && { requestId }) });
}
