import type { TokenCreate, TokenMade, TokenView } from '@drover/core/wire';
import { segment } from '../transport/target.ts';
import type { Transport } from '../transport/transport.ts';
import type { CallOptions } from './options.ts';

/** `client.tokens`: what opens the head for a user. */
export class Tokens {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Only this reply carries the token. Not tried again once it may have arrived: a token that nobody has seen must not
   * stay behind. @throws {DroverError} FORBIDDEN, USER_NOT_FOUND, PROJECT_NOT_FOUND
   */
  async create(input: TokenCreate = {}, options: CallOptions = {}): Promise<TokenMade> {
    return await this.#transport.json<TokenMade>({
      method: 'POST',
      path: '/v1/tokens',
      body: input,
      signal: options.signal,
    });
  }

  /** The caller's own, newest first; with `allUsers`, for admins, those of all. @throws {DroverError} FORBIDDEN */
  async list(options: { allUsers?: boolean | undefined } & CallOptions = {}): Promise<TokenView[]> {
    const { items } = await this.#transport.json<{ items: TokenView[] }>({
      path: '/v1/tokens',
      query: { allUsers: options.allUsers },
      repeat: 'always',
      signal: options.signal,
    });
    return items;
  }

  /** By id, its beginning, or `current`: the one of this very client. @throws {DroverError} TOKEN_NOT_FOUND, AMBIGUOUS */
  async revoke(ref: string, options: CallOptions = {}): Promise<void> {
    await this.#transport.json<null>({
      method: 'DELETE',
      path: `/v1/tokens/${segment(ref)}`,
      signal: options.signal,
    });
  }
}
