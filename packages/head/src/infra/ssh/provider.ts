/**
 * The infra `ssh/<pool>`: a worker on each host of a pool. It needs an account there and nothing else: no root, no
 * container, no Node. The worker calls this head at its address, or through a tunnel that this head keeps open.
 */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { SshAccess } from '@drover/core/wire';
import {
  type Logger,
  type MachineOrder,
  type MachineType,
  ProviderError,
  type ProviderMachine,
  type ProviderPort,
} from '@drover/engine';
import type { HeadPlace } from '../head-place.ts';
import { lastWords } from '../last-words.ts';
import { HostLink, type Target } from './host-link.ts';
import { installRuntime, lastLine } from './install.ts';
import type { KnownHosts } from './known-hosts.ts';
import { type Placed, PlacedFile } from './placed.ts';
import type { SshHost } from './pools.ts';
import { type HostFacts, probeHost } from './probe.ts';
import type { Runtime } from './runtime.ts';
import { eraseScript, LIST_SCRIPT, startScript, stopScript } from './scripts.ts';

/** What a host has is asked again after this. */
const FACTS_MS = 600_000;
/** After so many failures to have its port again, a worker gets another one. */
const PORT_PATIENCE = 6;

export interface SshPoolOptions {
  readonly pool: string;
  /** Asked each time, since the file may have changed. */
  readonly hosts: () => readonly SshHost[];
  readonly known: KnownHosts;
  /** A folder of its own. */
  readonly dir: string;
  readonly runtime: () => Promise<Runtime>;
  /** Where this head listens, on this machine. */
  readonly place: () => Promise<HeadPlace>;
  /** Where other machines reach it; null: nowhere. */
  readonly advertiseUrl: string | null;
  readonly log: Logger;
}

export class SshProvider implements ProviderPort {
  readonly infra: string;
  readonly sharing = 'shared';
  readonly listing = 'exact';
  readonly features = { stop: true, spot: false };
  readonly #options: SshPoolOptions;
  readonly #links = new Map<string, HostLink>();
  readonly #facts = new Map<string, { readonly facts: HostFacts; readonly atMs: number }>();
  readonly #problems = new Map<string, string>();
  readonly #placed: PlacedFile;

  constructor(options: SshPoolOptions) {
    this.#options = options;
    this.infra = `ssh/${options.pool}`;
    mkdirSync(options.dir, { recursive: true, mode: 0o700 });
    this.#placed = new PlacedFile(join(options.dir, 'workers.json'));
  }

  /** What is wrong with single hosts. */
  problems(): readonly string[] {
    return [...this.#problems.values()];
  }

  /** The hosts that answer. @throws {ProviderError} what the first says, when none does */
  async catalogue(): Promise<readonly MachineType[]> {
    const hosts = this.#options.hosts();
    const found = await Promise.allSettled(hosts.map(async (host) => await this.#typeOf(host)));
    const types = found.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    const [first] = found.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []));
    if (types.length === 0 && first !== undefined) throw first;
    return types;
  }

  async #typeOf(host: SshHost): Promise<MachineType> {
    const { cpus, memoryMiB, accelerators } = await this.#factsOf(host);
    return {
      infra: this.infra,
      type: host.name,
      region: null,
      zone: null,
      cpus,
      memoryMiB,
      accelerators,
      pricePerHour: 0,
      spotPricePerHour: null,
      available: 1,
      startSeconds: 10,
    };
  }

  async #factsOf(host: SshHost): Promise<HostFacts> {
    const known = this.#facts.get(host.name);
    if (known && performance.now() - known.atMs < FACTS_MS) return known.facts;
    try {
      const facts = await this.#link(host.name).use(async (connection) => await probeHost(host, connection));
      this.#facts.set(host.name, { facts, atMs: performance.now() });
      this.#problems.delete(host.name);
      return facts;
    } catch (error) {
      this.#problems.set(host.name, (error as Error).message);
      throw error;
    }
  }

  async sshAccess(): Promise<SshAccess[]> {
    return this.#options.hosts().map(({ address, port, user, identityFiles }) => ({
      address,
      host: address,
      port,
      user,
      identityFile: identityFiles[0] ?? null,
    }));
  }

  async create(order: MachineOrder): Promise<ProviderMachine> {
    const host = this.#host(order.type);
    const facts = await this.#factsOf(host);
    await this.#bringUp(order.tag, host, facts, order.join.token);
    return { tag: order.tag, id: host.name, status: 'running', address: host.address, note: null };
  }

  /** Everything that a running worker needs, each step only where it is missing. */
  async #bringUp(
    tag: string,
    host: SshHost,
    facts: HostFacts,
    token: string | null,
    anew = false,
  ): Promise<void> {
    const link = this.#link(host.name);
    const port = anew ? 0 : (this.#placed.get(tag)?.port ?? 0);
    const { advertiseUrl } = this.#options;
    const { url: local, ca } = await this.#options.place();
    const tunnel = advertiseUrl === null ? await link.dig(port, await this.#target()) : null;
    const url = advertiseUrl ?? `${new URL(local).protocol}//127.0.0.1:${tunnel}`;
    // Before it runs: whatever happens next, it is known where to look for it.
    this.#placed.put({ tag, host: host.name, port: tunnel, url });
    await link.use(async (connection) => {
      const installed = await installRuntime(host, facts, connection, await this.#options.runtime());
      const script = startScript({
        tag,
        head: { url, ca },
        joinToken: token,
        name: host.name,
        cpus: facts.cpus,
        memoryMiB: facts.memoryMiB,
        ...installed,
      });
      const { code, stdout, stderr } = await connection.run(script);
      if (code !== 0 || !/^(?:started|running)$/m.test(stdout))
        throw new ProviderError(
          'INVALID',
          `${host.name}: the worker was not started: ${lastLine(stderr || stdout)}`,
        );
    });
  }

  async stop(tag: string): Promise<void> {
    await this.#onHost(tag, stopScript(tag));
  }

  async start(tag: string): Promise<void> {
    const placed = this.#placed.get(tag);
    if (!placed)
      throw new ProviderError('INVALID', `${this.infra}: it is not known on which host ${tag} was`);
    const host = this.#host(placed.host);
    await this.#bringUp(tag, host, await this.#factsOf(host), null);
  }

  async terminate(tag: string): Promise<void> {
    const placed = this.#placed.get(tag);
    if (!placed) return;
    await this.#onHost(tag, eraseScript(tag));
    this.#placed.delete(tag);
    const others = this.#placed.all().some((each) => each.host === placed.host);
    if (!others) this.#links.get(placed.host)?.fill();
  }

  async #onHost(tag: string, script: string): Promise<void> {
    const placed = this.#placed.get(tag);
    if (!placed) return;
    const { code, stdout, stderr } = await this.#link(placed.host).use(
      async (connection) => await connection.run(script),
    );
    if (code !== 0 || !stdout.includes('done'))
      throw new ProviderError(
        'TRANSIENT',
        `${placed.host}: ${lastLine(stderr) || 'the worker was not ended'}`,
      );
  }

  /** What the hosts say that have one of our workers; one that cannot be reached keeps what it had. */
  async list(): Promise<readonly ProviderMachine[]> {
    const byHost = this.#placed.byHost();
    const lists = await Promise.all(
      [...byHost].map(async ([host, placed]) => await this.#listHost(host, placed)),
    );
    return lists.flat();
  }

  async #listHost(name: string, placed: readonly Placed[]): Promise<ProviderMachine[]> {
    const shown = (
      each: Placed,
      status: ProviderMachine['status'],
      note: string | null,
    ): ProviderMachine => ({
      tag: each.tag,
      id: name,
      status,
      address: this.#options.hosts().find((host) => host.name === name)?.address ?? null,
      note,
    });
    try {
      await this.#mendTunnels(name, placed);
      const { stdout } = await this.#link(name).use(async (connection) => await connection.run(LIST_SCRIPT));
      const lines = stdout.split('\n');
      if (!lines.includes('end')) throw new ProviderError('TRANSIENT', `${name}: its list is not whole`);
      this.#problems.delete(name);
      const saidOf = ({ tag }: Placed): string[] =>
        lines.find((line) => line.startsWith(`${tag} `))?.split(' ') ?? [];
      const { protocol } = new URL((await this.#options.place()).url);
      // A head that speaks TLS now is called in vain without, and the reverse.
      for (const each of placed)
        if (each.port !== null && saidOf(each)[1] === 'running' && !each.url.startsWith(protocol))
          await this.#startAnew(each, false);
      return placed.flatMap((each) => {
        const [, status, ...said] = saidOf(each);
        if (status === undefined) return [];
        return [shown(each, status === 'running' ? 'running' : 'stopped', lastWords(said.join(' ')))];
      });
    } catch (error) {
      const { message } = error as Error;
      this.#problems.set(name, message);
      return placed.map((each) => shown(each, 'running', message));
    }
  }

  /** After a start of this head, or when the port of a tunnel cannot be had again. */
  async #mendTunnels(name: string, placed: readonly Placed[]): Promise<void> {
    const link = this.#link(name);
    for (const each of placed) {
      if (each.port === null) continue;
      if (link.failures < PORT_PATIENCE) {
        link.keep(each.port, await this.#target());
        continue;
      }
      await this.#startAnew(each, true);
    }
  }

  async #startAnew({ tag, host: name }: Placed, otherPort: boolean): Promise<void> {
    const host = this.#host(name);
    await this.#onHost(tag, stopScript(tag));
    await this.#bringUp(tag, host, await this.#factsOf(host), null, otherPort);
  }

  /** Lets go of all connections; the workers go on. */
  close(): void {
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
  }

  async #target(): Promise<Target> {
    const { hostname, port } = new URL((await this.#options.place()).url);
    return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port) };
  }

  #host(name: string): SshHost {
    const host = this.#options.hosts().find((each) => each.name === name);
    if (host) return host;
    throw new ProviderError(
      'INVALID',
      `${this.infra} has no host ${name} any more: put it back into the pools file`,
    );
  }

  #link(name: string): HostLink {
    const host = this.#host(name);
    const link = this.#links.get(name) ?? new HostLink(host, this.#options.known, this.#options.log);
    link.update(host);
    this.#links.set(name, link);
    return link;
  }
}
