import type { Role } from '@drover/core';
import type { ProjectCreate, ProjectPatch, ProjectView } from '@drover/core/wire';
import { segment } from '../transport/target.ts';
import type { Transport } from '../transport/transport.ts';
import type { CallOptions } from './options.ts';

/** `client.projects`: what owns things, who comes in, and how much each may have. Changes are for admins. */
export class Projects {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** @throws {DroverError} PROJECT_EXISTS */
  async create(input: ProjectCreate, options: CallOptions = {}): Promise<ProjectView> {
    return await this.#transport.json<ProjectView>({
      method: 'POST',
      path: '/v1/projects',
      body: input,
      signal: options.signal,
    });
  }

  /** Those that the caller may come into; the default one first. */
  async list(options: CallOptions = {}): Promise<ProjectView[]> {
    const { items } = await this.#transport.json<{ items: ProjectView[] }>({
      path: '/v1/projects',
      repeat: 'always',
      signal: options.signal,
    });
    return items;
  }

  /** @throws {DroverError} PROJECT_NOT_FOUND, also for one that the caller may not come into */
  async get(name: string, options: CallOptions = {}): Promise<ProjectView> {
    return await this.#transport.json<ProjectView>({
      path: pathOf(name),
      repeat: 'always',
      signal: options.signal,
    });
  }

  /** What is left out stays as it is. @throws {DroverError} PROJECT_NOT_FOUND */
  async change(name: string, patch: ProjectPatch, options: CallOptions = {}): Promise<ProjectView> {
    return await this.#transport.json<ProjectView>({
      method: 'PATCH',
      path: pathOf(name),
      body: patch,
      repeat: 'always',
      signal: options.signal,
    });
  }

  /** Lets a user in, or changes what it may do there. @throws {DroverError} PROJECT_NOT_FOUND, USER_NOT_FOUND */
  async setMember(name: string, user: string, role: Role, options: CallOptions = {}): Promise<ProjectView> {
    return await this.#transport.json<ProjectView>({
      method: 'PUT',
      path: `${pathOf(name)}/members/${segment(user)}`,
      body: { role },
      repeat: 'always',
      signal: options.signal,
    });
  }

  /** @throws {DroverError} PROJECT_NOT_FOUND, USER_NOT_FOUND */
  async removeMember(name: string, user: string, options: CallOptions = {}): Promise<ProjectView> {
    return await this.#transport.json<ProjectView>({
      method: 'DELETE',
      path: `${pathOf(name)}/members/${segment(user)}`,
      repeat: 'always',
      signal: options.signal,
    });
  }

  /** One in which nothing is left to end. @throws {DroverError} PROJECT_NOT_FOUND, PROJECT_NOT_EMPTY */
  async delete(name: string, options: CallOptions = {}): Promise<void> {
    await this.#transport.json<null>({ method: 'DELETE', path: pathOf(name), signal: options.signal });
  }
}

const pathOf = (name: string): string => `/v1/projects/${segment(name)}`;
