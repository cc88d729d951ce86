import { isDroverError } from '@drover/core';
import type { InstanceView } from '@drover/core/wire';
import type { Client } from '../../client.ts';
import { InstanceFailedError, ValueError } from './errors.ts';
import { inSeedsWords } from './translate.ts';

/**
 * A handle on one instance: its state as of the last call that fetched it, see {@link refresh}. Times are seconds, as
 * in the seed.
 */
export class Instance {
  readonly #client: Client;
  #view: InstanceView;

  /** For this view only: see `submit` and `get`. */
  constructor(client: Client, view: InstanceView) {
    this.#client = client;
    this.#view = view;
  }

  /** A UUID. */
  get id(): string {
    return this.#view.id;
  }

  /** As given, or null. */
  get name(): string | null {
    return this.#view.name;
  }

  /** PENDING, ASSIGNED, RUNNING, COMPLETED, FAILED, CANCELLED or UNKNOWN. */
  get status(): InstanceView['status'] {
    return this.#view.status;
  }

  /** "host:port" while it is RUNNING, else null. */
  get endpoint(): string | null {
    return this.status === 'RUNNING' ? this.#view.endpoint : null;
  }

  /** Of the command once it has ended, else null. */
  get exitCode(): number | null {
    return this.#view.exitCode;
  }

  /** As `status`, but CANCELLING while a cancel is under way. */
  get displayStatus(): InstanceView['displayStatus'] {
    return this.#view.displayStatus;
  }

  /** The allocated indices while it holds GPUs, else null. */
  get gpuIndices(): number[] | null {
    return this.#view.gpuIndices === null ? null : [...this.#view.gpuIndices];
  }

  /** Whether its GPUs are its own. */
  get exclusive(): boolean {
    return this.#view.exclusive;
  }

  get labels(): Record<string, string> {
    return { ...this.#view.labels };
  }

  get env(): Record<string, string> {
    return { ...this.#view.env };
  }

  /** Id of the worker that was asked for, or null. */
  get targetWorker(): string | null {
    return this.#view.targetWorker;
  }

  /**
   * Waits until it is RUNNING; one that has COMPLETED by then counts as well.
   * @param timeout seconds
   * @throws {TimeoutError}
   * @throws {InstanceFailedError} it is FAILED or CANCELLED
   */
  async waitRunning(timeout = 300): Promise<void> {
    try {
      const timeoutMs = milliseconds(timeout);
      this.#view = await this.#client.instances.waitRunning(this.id, { timeoutMs });
    } catch (error) {
      if (!isDroverError(error) || error.code !== 'ALREADY_FINAL')
        return await inSeedsWords(Promise.reject(error));
      this.#view = error.details.instance as InstanceView;
      const { status, reason } = this.#view;
      const why = reason === null ? '' : `: ${reason.message}`;
      throw new InstanceFailedError(`instance ${this.id} is ${status}${why}`, this, { cause: error });
    }
  }

  /**
   * Waits until it has ended: COMPLETED, FAILED or CANCELLED.
   * @param timeout seconds, null: no limit
   * @throws {TimeoutError}
   * @throws {NotFoundError} its record was deleted meanwhile
   */
  async wait(timeout: number | null = null): Promise<void> {
    const options = timeout === null ? {} : { timeoutMs: milliseconds(timeout) };
    this.#view = await inSeedsWords(this.#client.instances.wait(this.id, options));
  }

  /**
   * Asks for its end and returns at once.
   * @param del true: its record goes too, after the end
   * @throws {InstanceTerminatedError} it has ended already
   */
  async cancel(del = false): Promise<void> {
    this.#view = await inSeedsWords(this.#client.instances.cancel(this.id));
    if (del) await inSeedsWords(this.#client.instances.delete(this.id));
  }

  /** Its log as text, or the last `tail` bytes of it; empty when there is none yet. */
  async logs(tail: number | null = null): Promise<string> {
    if (tail !== null && !(Number.isSafeInteger(tail) && tail >= 0)) {
      throw new ValueError('tail: a whole number of bytes, not negative', 'tail');
    }
    try {
      return await this.#client.instances.logText(this.id, tail === null ? {} : { tail });
    } catch (error) {
      if (isDroverError(error) && error.code === 'LOG_NOT_FOUND') return '';
      return await inSeedsWords(Promise.reject(error));
    }
  }

  /** Fetches its state. @throws {NotFoundError} */
  async refresh(): Promise<void> {
    this.#view = await inSeedsWords(this.#client.instances.get(this.id));
  }

  /** `Instance(id='abc', name='vllm', status='RUNNING', endpoint='192.168.1.5:15600')` */
  toString(): string {
    const shown = Object.entries({
      id: this.id,
      name: this.name,
      status: this.status,
      endpoint: this.endpoint,
    });
    return `Instance(${shown.map(([key, value]) => `${key}=${value === null ? null : `'${value}'`}`).join(', ')})`;
  }

  /** What `console.log` shows. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

function milliseconds(seconds: number): number {
  if (typeof seconds === 'number' && seconds >= 0) return seconds * 1000;
  throw new ValueError('timeout: a number of seconds, not negative', 'timeout');
}
