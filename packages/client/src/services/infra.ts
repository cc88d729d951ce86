import type { InfraPage, InfraView, MachinePage, MachineView, SshAccess } from '@drover/core/wire';
import { segment } from '../transport/target.ts';
import type { Transport } from '../transport/transport.ts';
import type { CallOptions } from './options.ts';

/** `client.infra`: where machines come from. `name` is `local`, `ssh/lab`, `pool/default` and the like. */
export class Infra {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** All of them, with types, prices and what is wrong. `refresh` asks the providers now. */
  async list(options: { refresh?: boolean | undefined } & CallOptions = {}): Promise<InfraView[]> {
    const page = await this.#transport.json<InfraPage>({
      path: '/v1/infra',
      query: options.refresh ? { refresh: 'true' } : {},
      repeat: 'always',
      holdMs: 30_000,
      signal: options.signal,
    });
    return page.items;
  }

  /** Its machines are wanted from now on. @throws {DroverError} INFRA_NOT_FOUND, NOT_SUPPORTED */
  async up(name: string, options: CallOptions = {}): Promise<InfraView> {
    return await this.#change(name, 'up', options);
  }

  /**
   * Its machines are to go, and what runs there ends. `keep`: they stop, and keep what lies on them.
   * @throws {DroverError} INFRA_NOT_FOUND, INFRA_IN_USE, NOT_SUPPORTED
   */
  async down(name: string, options: { keep?: boolean | undefined } & CallOptions = {}): Promise<InfraView> {
    return await this.#change(name, 'down', options, options.keep ? { keep: 'true' } : {});
  }

  /** Machines that were asked for; `all`: also those that are gone, of the last day. */
  async machines(options: { all?: boolean | undefined } & CallOptions = {}): Promise<MachineView[]> {
    const page = await this.#transport.json<MachinePage>({
      path: '/v1/machines',
      query: options.all ? { all: 'true' } : {},
      repeat: 'always',
      signal: options.signal,
    });
    return page.items;
  }

  /** How the nodes' own sshd are reached, where there are any: for an ssh configuration. */
  async sshAccess(options: CallOptions = {}): Promise<SshAccess[]> {
    const page = await this.#transport.json<{ items: SshAccess[] }>({
      path: '/v1/ssh-access',
      repeat: 'always',
      signal: options.signal,
    });
    return page.items;
  }

  async #change(
    name: string,
    verb: 'up' | 'down',
    options: CallOptions,
    query: Record<string, string> = {},
  ): Promise<InfraView> {
    const path = name.split('/').map(segment).join('/');
    return await this.#transport.json<InfraView>({
      method: 'POST',
      path: `/v1/infra/${path}/${verb}`,
      query,
      // Saying it twice is saying it once.
      repeat: 'always',
      holdMs: 30_000,
      signal: options.signal,
    });
  }
}
