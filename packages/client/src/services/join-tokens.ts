import type { JoinTokenCreated, JoinTokenCreateInput, JoinTokenView } from '@drover/core/wire';
import { segment } from '../transport/target.ts';
import type { Transport } from '../transport/transport.ts';
import type { CallOptions } from './options.ts';

/** `client.joinTokens`: short-lived tokens with which workers join. */
export class JoinTokens {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Makes one (`ttlS` seconds, default 3600; for `uses` workers, default 1). Only this reply carries the token. */
  async create(input: JoinTokenCreateInput = {}, options: CallOptions = {}): Promise<JoinTokenCreated> {
    return await this.#transport.json<JoinTokenCreated>({
      method: 'POST',
      path: '/v1/join-tokens',
      body: input,
      headers: { 'idempotency-key': crypto.randomUUID() },
      repeat: 'always',
      signal: options.signal,
    });
  }

  async list(options: CallOptions = {}): Promise<JoinTokenView[]> {
    const page = await this.#transport.json<{ items: JoinTokenView[] }>({
      path: '/v1/join-tokens',
      repeat: 'always',
      signal: options.signal,
    });
    return page.items;
  }

  /** Revokes it: nobody joins with it any more; who has joined stays. @throws {DroverError} TOKEN_NOT_FOUND */
  async delete(id: string, options: CallOptions = {}): Promise<void> {
    await this.#transport.json<null>({
      method: 'DELETE',
      path: `/v1/join-tokens/${segment(id)}`,
      signal: options.signal,
    });
  }
}
