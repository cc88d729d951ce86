import type { UserCreate, UserPatch, UserView } from '@drover/core/wire';
import { segment } from '../transport/target.ts';
import type { Transport } from '../transport/transport.ts';
import type { CallOptions } from './options.ts';

/** `client.users`: who may call. For admins. `ref` is a name or an id. */
export class Users {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** It can call when it has a token: `client.tokens.create({ user })`. @throws {DroverError} USER_EXISTS */
  async create(input: UserCreate, options: CallOptions = {}): Promise<UserView> {
    return await this.#transport.json<UserView>({
      method: 'POST',
      path: '/v1/users',
      body: input,
      signal: options.signal,
    });
  }

  /** All of them, by name. */
  async list(options: CallOptions = {}): Promise<UserView[]> {
    const { items } = await this.#transport.json<{ items: UserView[] }>({
      path: '/v1/users',
      repeat: 'always',
      signal: options.signal,
    });
    return items;
  }

  /** @throws {DroverError} USER_NOT_FOUND */
  async get(ref: string, options: CallOptions = {}): Promise<UserView> {
    return await this.#transport.json<UserView>({
      path: `/v1/users/${segment(ref)}`,
      repeat: 'always',
      signal: options.signal,
    });
  }

  /** Its role, or whether its tokens are taken. @throws {DroverError} USER_NOT_FOUND, INVALID_REQUEST */
  async change(ref: string, patch: UserPatch, options: CallOptions = {}): Promise<UserView> {
    return await this.#transport.json<UserView>({
      method: 'PATCH',
      path: `/v1/users/${segment(ref)}`,
      body: patch,
      repeat: 'always',
      signal: options.signal,
    });
  }

  /** With its tokens; what it made stays. @throws {DroverError} USER_NOT_FOUND */
  async delete(ref: string, options: CallOptions = {}): Promise<void> {
    await this.#transport.json<null>({
      method: 'DELETE',
      path: `/v1/users/${segment(ref)}`,
      signal: options.signal,
    });
  }
}
