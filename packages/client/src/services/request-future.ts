import type { RequestView } from '@drover/core/wire';
import type { WaitOptions } from './options.ts';
import type { RequestLogOptions, Requests } from './requests.ts';

/**
 * A call that goes on at the head: what it will give is `T`. It ends there, whatever becomes of this process; another
 * one finds it by its id.
 */
export class RequestFuture<T> {
  readonly id: string;
  readonly #requests: Requests;

  constructor(requests: Requests, id: string) {
    this.#requests = requests;
    this.id = id;
  }

  /** Waits for the end. @throws {DroverError} what the call failed with; REQUEST_CANCELLED; TIMEOUT */
  async get(options: WaitOptions = {}): Promise<T> {
    return await this.#requests.get<T>(this.id, options);
  }

  /** What it says while it goes on, line by line. */
  stream(options: RequestLogOptions = {}): AsyncGenerator<string> {
    return this.#requests.stream(this.id, options);
  }

  /** Passes its lines to `write` until it ends. @returns what it gives @throws {DroverError} as {@link get} */
  async streamAndGet(write: (line: string) => void, options: RequestLogOptions = {}): Promise<T> {
    for await (const line of this.stream(options)) write(line);
    return await this.get(options.signal ? { signal: options.signal } : {});
  }

  /** How it stands. */
  async view(): Promise<RequestView> {
    return await this.#requests.view(this.id);
  }

  /** Cancels what it asked for, as far as that has not happened. @returns false when it had ended */
  async cancel(): Promise<boolean> {
    return (await this.#requests.cancel({ ids: [this.id] })).length > 0;
  }

  toString(): string {
    return this.id;
  }
}
