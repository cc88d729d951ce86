import { isDroverError, isUuid, type WorkerStatus } from '@drover/core';
import type { WorkerPage, WorkerView } from '@drover/core/wire';
import { segment } from '../transport/target.ts';
import type { Transport } from '../transport/transport.ts';
import { pollUntil } from './long-poll.ts';
import type { CallOptions, WaitOptions } from './options.ts';

/** `client.workers`: the machines of the herd. `ref` is an id, a name, or the beginning of an id. */
export class Workers {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** All workers, or those of one status. */
  async list(options: { status?: WorkerStatus | undefined } & CallOptions = {}): Promise<WorkerView[]> {
    const page = await this.#transport.json<WorkerPage>({
      path: '/v1/workers',
      query: { status: options.status },
      repeat: 'always',
      signal: options.signal,
    });
    return page.items;
  }

  /** @throws {DroverError} WORKER_NOT_FOUND, AMBIGUOUS */
  async get(ref: string, options: CallOptions = {}): Promise<WorkerView> {
    return await this.#transport.json<WorkerView>({
      path: `/v1/workers/${segment(ref)}`,
      repeat: 'always',
      signal: options.signal,
    });
  }

  /** Waits until the worker has the status. @throws {DroverError} TIMEOUT, WORKER_NOT_FOUND */
  async wait(
    ref: string,
    options: { status?: WorkerStatus | undefined } & WaitOptions = {},
  ): Promise<WorkerView> {
    const status = options.status ?? 'ONLINE';
    const poll = async (holdMs: number, signal: AbortSignal) =>
      await this.#transport.json<WorkerView>({
        path: `/v1/workers/${segment(ref)}`,
        query: { wait: status, timeoutMs: holdMs },
        repeat: 'always',
        holdMs,
        signal,
      });
    return await pollUntil(`${status} of worker ${ref}`, poll, (view) => view.status === status, options);
  }

  /** Forgets an OFFLINE worker. @throws {DroverError} WORKER_NOT_OFFLINE, WORKER_NOT_FOUND */
  async delete(ref: string, options: CallOptions = {}): Promise<void> {
    const tries = { lost: false };
    try {
      await this.#transport.json<null>({
        method: 'DELETE',
        path: `/v1/workers/${segment(ref)}`,
        repeat: isUuid(ref) ? 'always' : 'unsent',
        signal: options.signal,
        tries,
      });
    } catch (error) {
      // An earlier try, whose reply was lost, has done it.
      if (!(tries.lost && isDroverError(error) && error.code === 'WORKER_NOT_FOUND')) throw error;
    }
  }

  /** Voids its identity and cuts its link: for a machine in wrong hands. @throws {DroverError} WORKER_NOT_FOUND */
  async revoke(ref: string, options: CallOptions = {}): Promise<WorkerView> {
    return await this.#transport.json<WorkerView>({
      method: 'POST',
      path: `/v1/workers/${segment(ref)}/revoke`,
      body: {},
      repeat: isUuid(ref) ? 'always' : 'unsent',
      signal: options.signal,
    });
  }

  /** Forgets all OFFLINE workers. @returns how many there were. */
  async deleteAllOffline(options: CallOptions = {}): Promise<number> {
    const { deleted } = await this.#transport.json<{ deleted: number }>({
      method: 'DELETE',
      path: '/v1/workers',
      query: { status: 'OFFLINE' },
      signal: options.signal,
    });
    return deleted;
  }
}
