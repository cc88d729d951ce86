/**
 * What binds this head to one host: a connection that is made when it is needed, and kept while a tunnel goes through it.
 * A tunnel that breaks is dug again at the same port, since the worker there knows only that.
 */
import type { Logger } from '@drover/engine';
import { SshConnection } from './connection.ts';
import type { KnownHosts } from './known-hosts.ts';
import type { SshHost } from './pools.ts';

const BACK_OFF_MS = { first: 500, most: 30_000 } as const;
/** A connection that nothing uses is let go after this. */
const IDLE_MS = 30_000;

export interface Target {
  readonly host: string;
  readonly port: number;
}

export class HostLink {
  readonly #known: KnownHosts;
  readonly #log: Logger;
  #host: SshHost;
  #open: Promise<SshConnection> | null = null;
  #users = 0;
  #idle: NodeJS.Timeout | undefined;
  #tunnel: { port: number; target: Target; isOpen: boolean; failures: number } | null = null;
  #again: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(host: SshHost, known: KnownHosts, log: Logger) {
    this.#host = host;
    this.#known = known;
    this.#log = log;
  }

  get host(): SshHost {
    return this.#host;
  }

  /** The file says something else about it now: counts from the next connection on. */
  update(host: SshHost): void {
    this.#host = host;
  }

  /** Does something with a connection. @throws {ProviderError} */
  async use<T>(act: (connection: SshConnection) => Promise<T>): Promise<T> {
    clearTimeout(this.#idle);
    this.#users += 1;
    try {
      return await act(await this.#connection());
    } finally {
      this.#users -= 1;
      this.#rest();
    }
  }

  /** How often the tunnel could not be dug in a row; 0 while it is open, or there is none. */
  get failures(): number {
    return this.#tunnel?.failures ?? 0;
  }

  /**
   * A port on the loopback of the host that leads to the target, kept up until {@link fill}.
   * @param port the one to have again; 0: any @throws {ProviderError}
   */
  async dig(port: number, target: Target): Promise<number> {
    const known = this.#tunnel;
    const isSame = known && (known.port === port || port === 0);
    const leadsThere = known?.target.port === target.port && known.target.host === target.host;
    if (known?.isOpen && isSame && leadsThere) return known.port;
    const tunnel = { port, target, isOpen: false, failures: 0 };
    return await this.use(async (connection) => {
      tunnel.port = await connection.listen(port, target);
      tunnel.isOpen = true;
      this.#tunnel = tunnel;
      return tunnel.port;
    });
  }

  /** Like {@link dig}, in the background and as often as it takes. */
  keep(port: number, target: Target): void {
    const known = this.#tunnel;
    if (known?.port === port && known.target.port === target.port) return;
    this.#tunnel = { port, target, isOpen: false, failures: 0 };
    this.#redig();
  }

  /** No tunnel is needed any more. */
  fill(): void {
    this.#tunnel = null;
    clearTimeout(this.#again);
    this.close();
    this.#isClosed = false;
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#again);
    clearTimeout(this.#idle);
    this.#open?.then((connection) => connection.close()).catch(() => undefined);
    this.#open = null;
  }

  async #connection(): Promise<SshConnection> {
    if (this.#open) return await this.#open;
    const opening = SshConnection.open(this.#host, this.#known);
    this.#open = opening;
    try {
      const connection = await opening;
      void connection.ended.then((why) => this.#lost(opening, why));
      return connection;
    } catch (error) {
      if (this.#open === opening) this.#open = null;
      throw error;
    }
  }

  #lost(opening: Promise<SshConnection>, why: string): void {
    if (this.#open !== opening) return;
    this.#open = null;
    if (!this.#tunnel || this.#isClosed) return;
    this.#log.warn({ host: this.#host.name, why }, 'a tunnel has broken; digging it again');
    this.#tunnel.isOpen = false;
    this.#redig();
  }

  #redig(): void {
    const tunnel = this.#tunnel;
    if (!tunnel || tunnel.isOpen || this.#isClosed) return;
    this.use(async (connection) => {
      await connection.listen(tunnel.port, tunnel.target);
      tunnel.isOpen = true;
      tunnel.failures = 0;
    }).catch((err: unknown) => {
      tunnel.failures += 1;
      if (tunnel.failures === 1)
        this.#log.warn({ host: this.#host.name, err }, 'cannot dig a tunnel; trying again');
      const delayMs = Math.min(BACK_OFF_MS.first * 2 ** (tunnel.failures - 1), BACK_OFF_MS.most);
      clearTimeout(this.#again);
      this.#again = setTimeout(() => this.#redig(), delayMs);
      this.#again.unref();
    });
  }

  #rest(): void {
    if (this.#users > 0 || this.#tunnel) return;
    this.#idle = setTimeout(() => {
      if (this.#users > 0 || this.#tunnel) return;
      this.#open?.then((connection) => connection.close()).catch(() => undefined);
      this.#open = null;
    }, IDLE_MS);
    this.#idle.unref();
  }
}
