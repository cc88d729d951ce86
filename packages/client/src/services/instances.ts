import { DroverError, type InstanceStatus, isDroverError, isFinal, isUuid } from '@drover/core';
import type {
  Explanation,
  InstancePage,
  InstanceSubmitInput,
  InstanceView,
  WaitFor,
} from '@drover/core/wire';
import { segment } from '../transport/target.ts';
import type { Transport } from '../transport/transport.ts';
import { type FollowOptions, followLog } from './log-follow.ts';
import { type LogOptions, readLog } from './log-read.ts';
import { pollUntil } from './long-poll.ts';
import type { CallOptions, WaitOptions } from './options.ts';

/** Which instances a list shows; what is absent filters nothing. */
export interface InstanceFilter {
  readonly status?: InstanceStatus | readonly InstanceStatus[] | undefined;
  /** All must match. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly name?: string | undefined;
  readonly workerId?: string | undefined;
}

/** Where a page starts (`nextCursor` of the one before) and how many it holds at most (1 to 1000, default 100). */
export interface PageOptions extends CallOptions {
  readonly cursor?: string | null | undefined;
  readonly limit?: number | undefined;
}

/**
 * `client.instances`. `ref` is an id, a name (the newest that bears it, one that has not ended first), or the beginning
 * of an id, 4 characters or more. Every method that takes one throws INSTANCE_NOT_FOUND or AMBIGUOUS.
 */
export class Instances {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Submits a command. The call carries an idempotency key, so it is tried again safely after a lost reply.
   * @param options `idempotencyKey`: your own key, for a submit that must happen once across processes
   * @throws {DroverError} INVALID_REQUEST (`details.field`), NAME_TAKEN, WORKER_NOT_FOUND, TARGET_WORKER_NOT_ONLINE
   */
  async submit(
    input: InstanceSubmitInput,
    options: { idempotencyKey?: string | undefined } & CallOptions = {},
  ): Promise<InstanceView> {
    return await this.#transport.json<InstanceView>({
      method: 'POST',
      path: '/v1/instances',
      body: input,
      headers: { 'idempotency-key': options.idempotencyKey ?? crypto.randomUUID() },
      repeat: 'always',
      signal: options.signal,
    });
  }

  async get(ref: string, options: CallOptions = {}): Promise<InstanceView> {
    return await this.#transport.json<InstanceView>({
      path: `/v1/instances/${segment(ref)}`,
      repeat: 'always',
      signal: options.signal,
    });
  }

  /** One page, newest first. */
  async page(filter: InstanceFilter = {}, options: PageOptions = {}): Promise<InstancePage> {
    const { status, labels = {}, name, workerId } = filter;
    return await this.#transport.json<InstancePage>({
      path: '/v1/instances',
      query: {
        status,
        label: Object.entries(labels).map(([key, value]) => `${key}=${value}`),
        name,
        worker: workerId,
        cursor: options.cursor,
        limit: options.limit,
      },
      repeat: 'always',
      signal: options.signal,
    });
  }

  /** All that match, newest first, fetched a page at a time: `for await (const view of client.instances.list())`. */
  async *list(filter: InstanceFilter = {}, options: CallOptions = {}): AsyncGenerator<InstanceView> {
    let cursor: string | null = null;
    do {
      const page: InstancePage = await this.page(filter, { ...options, cursor, limit: 500 });
      yield* page.items;
      cursor = page.nextCursor;
    } while (cursor !== null);
  }

  /**
   * Asks for the end: SIGTERM, then SIGKILL after the grace period (`graceMs` overrides it, this once). Does not wait.
   * @throws {DroverError} ALREADY_FINAL
   */
  async cancel(
    ref: string,
    options: { graceMs?: number | undefined } & CallOptions = {},
  ): Promise<InstanceView> {
    const { graceMs, signal } = options;
    const body = graceMs === undefined ? {} : { graceMs };
    return await this.#changeOne(ref, 'cancel', body, signal);
  }

  /** Gives up on an UNKNOWN instance: it becomes FAILED, or CANCELLED. @throws {DroverError} NOT_UNKNOWN */
  async forget(ref: string, options: CallOptions = {}): Promise<InstanceView> {
    return await this.#changeOne(ref, 'forget', {}, options.signal);
  }

  /**
   * Runs an UNKNOWN instance again, as a new attempt. Should its worker return with the older one, that is stopped there.
   * @throws {DroverError} NOT_UNKNOWN, BEING_CANCELLED
   */
  async replace(ref: string, options: CallOptions = {}): Promise<InstanceView> {
    return await this.#changeOne(ref, 'replace', {}, options.signal);
  }

  /**
   * Deletes the record. What has not ended is cancelled first, and its record goes by itself at its end.
   * @returns the instance when it has to end first, null when the record is gone
   */
  async delete(ref: string, options: CallOptions = {}): Promise<InstanceView | null> {
    const tries = { lost: false };
    try {
      return await this.#transport.json<InstanceView | null>({
        method: 'DELETE',
        path: `/v1/instances/${segment(ref)}`,
        // A second delete by name could meet an older instance of that name.
        repeat: isUuid(ref) ? 'always' : 'unsent',
        signal: options.signal,
        tries,
      });
    } catch (error) {
      if (tries.lost && isDroverError(error) && error.code === 'INSTANCE_NOT_FOUND') return null;
      throw error;
    }
  }

  /** Deletes all, or those of one status, as {@link delete} does. @returns how many. */
  async deleteAll(options: { status?: InstanceStatus | undefined } & CallOptions = {}): Promise<number> {
    const { deleted } = await this.#transport.json<{ deleted: number }>({
      method: 'DELETE',
      path: '/v1/instances',
      query: { status: options.status },
      signal: options.signal,
    });
    return deleted;
  }

  /** Why it waits: each worker, each constraint, by how much. */
  async explain(ref: string, options: CallOptions = {}): Promise<Explanation> {
    return await this.#transport.json<Explanation>({
      path: `/v1/instances/${segment(ref)}/explain`,
      repeat: 'always',
      signal: options.signal,
    });
  }

  /** Waits for the end (COMPLETED, FAILED or CANCELLED), over restarts of the head too. @throws {DroverError} TIMEOUT */
  async wait(ref: string, options: WaitOptions = {}): Promise<InstanceView> {
    return await this.#until(ref, 'final', `the end of instance ${ref}`, options);
  }

  /**
   * Waits until the command runs. One that has COMPLETED by then counts as well.
   * @throws {DroverError} TIMEOUT; ALREADY_FINAL when it has FAILED or was CANCELLED (`details.instance` is its state)
   */
  async waitRunning(ref: string, options: WaitOptions = {}): Promise<InstanceView> {
    const view = await this.#until(ref, 'running', `the start of instance ${ref}`, options);
    if (view.status === 'FAILED' || view.status === 'CANCELLED') {
      throw new DroverError('ALREADY_FINAL', { ref, status: view.status, instance: view });
    }
    return view;
  }

  /** The log as bytes: whole, from `offset`, or its last `tail` bytes. @throws {DroverError} LOG_NOT_FOUND, LOG_UNAVAILABLE */
  async logs(ref: string, options: LogOptions = {}): Promise<Uint8Array> {
    // A log of several parts is read by id: the name may move on between them.
    const id = isUuid(ref) ? ref : (await this.get(ref, options)).id;
    return await readLog(this.#transport, id, options);
  }

  /** {@link logs} as text; bytes that are not UTF-8 become U+FFFD. */
  async logText(ref: string, options: LogOptions = {}): Promise<string> {
    return new TextDecoder().decode(await this.logs(ref, options));
  }

  /**
   * The log as it grows, until the instance has ended and the last byte is out. A broken connection is taken up at
   * the same byte: none twice, none missing. Where the oldest bytes were dropped, it goes on at the oldest kept one;
   * where the instance is started anew (another attempt), with the first byte of its new log.
   */
  followLogs(ref: string, options: FollowOptions = {}): AsyncGenerator<Uint8Array> {
    return followLog(this.#transport, async (one) => await this.get(one, options), ref, options);
  }

  async #until(ref: string, wait: WaitFor, what: string, options: WaitOptions): Promise<InstanceView> {
    let target = ref;
    const poll = async (holdMs: number, signal: AbortSignal) => {
      const view = await this.#transport.json<InstanceView>({
        path: `/v1/instances/${segment(target)}`,
        query: { wait, timeoutMs: holdMs },
        repeat: 'always',
        holdMs,
        signal,
      });
      target = view.id;
      return view;
    };
    const met = ({ status }: InstanceView) => isFinal(status) || (wait === 'running' && status === 'RUNNING');
    return await pollUntil(what, poll, met, options);
  }

  async #changeOne(
    ref: string,
    verb: 'cancel' | 'forget' | 'replace',
    body: object,
    signal: AbortSignal | undefined,
  ): Promise<InstanceView> {
    const tries = { lost: false };
    try {
      return await this.#transport.json<InstanceView>({
        method: 'POST',
        path: `/v1/instances/${segment(ref)}/${verb}`,
        body,
        repeat: isUuid(ref) ? 'always' : 'unsent',
        signal,
        tries,
      });
    } catch (error) {
      const done =
        isDroverError(error) &&
        (error.code === 'ALREADY_FINAL' || (verb !== 'cancel' && error.code === 'NOT_UNKNOWN'));
      // An earlier try, whose reply was lost, has done it.
      if (tries.lost && done) return await this.get(ref, { signal });
      throw error;
    }
  }
}
