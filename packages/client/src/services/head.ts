import type { HeadView } from '@drover/core/wire';
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
}
