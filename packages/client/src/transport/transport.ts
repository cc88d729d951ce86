import { DroverError } from '@drover/core';
import { errorFromReply, NoReply, noReplyFrom } from './failures.ts';
import { mayHaveHappened, parseRetryAfter, planRetry, publicError, Refused, type Repeat } from './retry.ts';
import { type Linked, linkSignals, pause } from './signals.ts';
import { formatQuery, type Query, type Target } from './target.ts';

/** One call of the HTTP interface. */
export interface Call {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** From the root of the head, every segment already encoded. */
  readonly path: string;
  readonly query?: Query;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as they are, instead of a body. */
  readonly bytes?: Uint8Array<ArrayBuffer>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly repeat?: Repeat;
  readonly signal?: AbortSignal | undefined;
  /** How long the head may hold its reply on purpose. */
  readonly holdMs?: number;
  /** Set to true when a try got no reply and may have been carried out all the same. */
  readonly tries?: { lost: boolean };
}

/** A reply whose body is still to come. `release` must be called when it has been read or given up. */
export interface StreamReply {
  readonly headers: Headers;
  readonly chunks: AsyncIterable<Uint8Array>;
  release(): void;
}

export interface TransportOptions {
  readonly target: Target;
  /** Sent as `drover-user`. */
  readonly user?: string | undefined;
  /** Sent as `drover-project`. */
  readonly project?: string | undefined;
  readonly fetch: typeof globalThis.fetch;
  readonly signal: AbortSignal | undefined;
  /** Total time over which a call is tried again, in milliseconds; 0: never. */
  readonly retryMs: number;
  /** Longest silence before the first byte of a reply, in milliseconds, beyond what the call may be held. */
  readonly replyMs: number;
}

/** Sends calls, tries again what may be tried again, and rebuilds errors. Holds no socket and no timer between calls. */
export class Transport {
  readonly url: string;
  readonly retryMs: number;
  readonly #options: TransportOptions;

  constructor(options: TransportOptions) {
    this.url = options.target.url;
    this.retryMs = options.retryMs;
    this.#options = options;
  }

  /** @returns the JSON of the reply, or null when it has no body. @throws {DroverError} or the signal's reason. */
  async json<T>(call: Call): Promise<T> {
    return await this.#try(call, async (response, linked) => {
      try {
        const text = await this.#text(response);
        return (text === '' ? null : parseJson(text)) as T;
      } finally {
        linked.release();
      }
    });
  }

  /** @returns as soon as the head of the reply is there. Errors after that come out of the chunks. */
  async stream(call: Call): Promise<StreamReply> {
    return await this.#try(call, async (response, linked) => {
      linked.stopTimer();
      const chunks = readChunks(response, linked.signal, this.url);
      return { headers: response.headers, chunks, release: () => linked.release() };
    });
  }

  async #try<T>(call: Call, read: (response: Response, linked: Linked) => Promise<T>): Promise<T> {
    let giveUpAt: number | undefined;
    for (let tries = 0; ; tries++) {
      try {
        return await this.#attempt(call, read);
      } catch (failure) {
        if (call.tries !== undefined && mayHaveHappened(failure)) call.tries.lost = true;
        const delayMs = planRetry(failure, call.repeat ?? 'unsent', tries);
        giveUpAt ??= performance.now() + this.retryMs;
        if (delayMs === null || performance.now() + delayMs > giveUpAt) {
          throw publicError(failure, this.url);
        }
        const linked = linkSignals([this.#options.signal, call.signal]);
        await pause(delayMs, linked.signal).finally(linked.release);
      }
    }
  }

  async #attempt<T>(call: Call, read: (response: Response, linked: Linked) => Promise<T>): Promise<T> {
    const ms = this.#options.replyMs + (call.holdMs ?? 0);
    const reason = () => new NoReply(`no reply within ${ms} ms`, true, true);
    const linked = linkSignals([this.#options.signal, call.signal], { ms, reason });
    try {
      linked.signal.throwIfAborted();
      const response = await this.#fetch(call, linked.signal);
      if (response.ok) return await read(response, linked);
      const error = errorFromReply(response.status, await this.#text(response), this.url);
      throw new Refused(error, parseRetryAfter(response.headers.get('retry-after'), Date.now()));
    } catch (error) {
      linked.release();
      if (linked.signal.aborted) throw linked.signal.reason;
      throw error;
    }
  }

  async #fetch(call: Call, signal: AbortSignal): Promise<Response> {
    const { target, user, project, fetch } = this.#options;
    const headers: Record<string, string> = { accept: 'application/json', ...call.headers };
    if (target.token !== undefined) headers.authorization = `Bearer ${target.token}`;
    if (user !== undefined) headers['drover-user'] = user;
    if (project !== undefined) headers['drover-project'] = project;
    if (call.body !== undefined) headers['content-type'] = 'application/json';
    if (call.bytes !== undefined) headers['content-type'] = 'application/octet-stream';
    const init = {
      method: call.method ?? 'GET',
      headers,
      signal,
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      ...(call.bytes === undefined ? {} : { body: call.bytes }),
    };
    const url = `${target.url}${call.path}${formatQuery(call.query ?? {})}`;
    return await fetch(url, init).catch((error: unknown) => {
      throw noReplyFrom(error);
    });
  }

  async #text(response: Response): Promise<string> {
    return await response.text().catch((error: unknown) => {
      throw noReplyFrom(error);
    });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DroverError(
      'PROTOCOL',
      { rule: 'a reply that is not JSON (is this a Drover head?)' },
      { cause },
    );
  }
}

async function* readChunks(response: Response, signal: AbortSignal, url: string): AsyncGenerator<Uint8Array> {
  if (response.body === null) return;
  const reader = response.body.getReader();
  let open = true;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      yield value;
    }
    open = false;
  } catch (error) {
    open = false;
    if (signal.aborted) throw signal.reason;
    throw publicError(noReplyFrom(error), url);
  } finally {
    // A reader that leaves early frees the connection.
    if (open) await reader.cancel().catch(() => undefined);
  }
}
