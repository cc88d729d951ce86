import type { HeadView, Whoami } from '@drover/core/wire';
import type { Transport } from '../transport/transport.ts';
import type { CallOptions } from './options.ts';

/** `client.head`: the head itself. */
export class Head {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Herd, epoch, version and the state of the store. @throws {DroverError} HEAD_UNREACHABLE, UNAUTHENTICATED */
  async get(options: CallOptions = {}): Promise<HeadView> {
    return await this.#transport.json<HeadView>({
      path: '/v1/head',
      repeat: 'always',
      signal: options.signal,
    });
  }

  /** Who calls, for which project, and what that one may do. @throws {DroverError} UNAUTHENTICATED, PROJECT_NOT_FOUND */
  async whoami(options: CallOptions = {}): Promise<Whoami> {
    return await this.#transport.json<Whoami>({
      path: '/v1/whoami',
      repeat: 'always',
      signal: options.signal,
    });
  }
}
