/** The providers of this head: `local`, and those that its files describe. */
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { Logger, ProviderPort, Providers } from '@drover/engine';
import { realClock } from '../os/clock.ts';
import { FakeCloud } from './fake/cloud.ts';
import { type FakeInfra, parseFakeConfig } from './fake/config.ts';
import { fileDesk, localFakeHost } from './fake/local-host.ts';
import { WatchedFile } from './file-watch.ts';
import type { HeadPlace } from './head-place.ts';
import { adminsOnly, LocalProvider } from './local.ts';
import { KnownHosts } from './ssh/known-hosts.ts';
import { parsePools, refuseOpenPasswords, type SshHost } from './ssh/pools.ts';
import { SshProvider } from './ssh/provider.ts';
import { makeRuntime, type Runtime } from './ssh/runtime.ts';
import { WorkerProcesses, type WorkerProgram } from './worker-processes.ts';

export interface InfraOptions {
  /** The head's state folder. */
  readonly stateDir: string;
  /** The file of ssh pools, see docs/infra.md. */
  readonly sshPools: string | null;
  /** The file of fake infra, see docs/fake-infra.md; null: there is none. */
  readonly fakeInfra: string | null;
  /** The address of this head for machines that are not this one; null: loopback only, ssh hosts get a tunnel. */
  readonly advertiseUrl: string | null;
  /** The authority that workers shall trust, see {@link HeadPlace}; asked each time, since it may change. */
  readonly ca: () => string | null;
  /** Not only admins may use `local`, whose workers run as the user of this head; left out: only they. */
  readonly localForUsers?: boolean | undefined;
  /** What runs a worker on this machine. */
  readonly workerProgram: WorkerProgram;
  /** The folder of the built program, which is copied to ssh hosts. */
  readonly bundleDir: string;
  readonly log: Logger;
}

export interface InfraDirectory extends Providers {
  /** The head serves there. */
  serve(url: string): void;
  /** Lets go of all connections; touches no machine. */
  close(): Promise<void>;
}

/** Nothing is started or asked before it is needed. */
export function openInfra(options: InfraOptions): InfraDirectory {
  const { stateDir, log } = options;
  let serve: (url: string) => void = () => undefined;
  const serving = new Promise<string>((resolve) => {
    serve = resolve;
  });
  const place = async (): Promise<HeadPlace> => ({ url: await serving, ca: options.ca() });
  const root = join(stateDir, 'infra');
  const local = new LocalProvider(
    new WorkerProcesses(join(root, 'local'), options.workerProgram),
    place,
    options.localForUsers,
  );
  const fakes = fakeClouds(options, root, place);

  const pools = sshPools(options, root, place);
  const all = (): ProviderPort[] => [local, ...pools.all(), ...fakes()];
  return {
    all,
    get: (infra) => all().find((provider) => provider.infra === infra),
    joinUrl: () => serving.then((url) => options.advertiseUrl ?? url),
    serve: (url) => {
      serve(url);
      log.info({ infra: all().map((provider) => provider.infra) }, 'infra');
    },
    close: async () => pools.close(),
  };
}

/** The pools that the file names now. */
function sshPools(
  options: InfraOptions,
  root: string,
  place: () => Promise<HeadPlace>,
): { all(): ProviderPort[]; close(): void } {
  const { log, advertiseUrl } = options;
  const path = options.sshPools ?? join(options.stateDir, 'ssh_node_pools.yaml');
  const { username, homedir } = userInfo();
  const file = new WatchedFile<ReadonlyMap<string, readonly SshHost[]>>(path, new Map(), (text) => {
    const pools = parsePools(text, path, readIfThere(join(homedir, '.ssh', 'config')), username);
    refuseOpenPasswords(pools, path, statSync(path).mode);
    return pools;
  });
  const dir = join(root, 'ssh');
  const known = new KnownHosts(join(dir, 'known_hosts.json'));
  const made = new Map<string, SshProvider>();
  let runtime: Promise<Runtime> | null = null;
  let said = '';
  return {
    all() {
      const pools = file.get();
      if (file.error && file.error.message !== said)
        log.error({ err: file.error }, 'the file of ssh pools is wrong; what it said before still counts');
      said = file.error?.message ?? '';
      for (const pool of pools.keys()) {
        if (made.has(pool)) continue;
        made.set(
          pool,
          new SshProvider({
            pool,
            hosts: () => file.get().get(pool) ?? [],
            known,
            dir: join(dir, pool),
            runtime: () => {
              runtime ??= makeRuntime(options.bundleDir, join(dir, 'runtime'));
              return runtime;
            },
            place,
            advertiseUrl,
            log,
          }),
        );
      }
      return [...made].filter(([pool]) => pools.has(pool)).map(([, provider]) => provider);
    },
    close() {
      for (const provider of made.values()) provider.close();
    },
  };
}

function readIfThere(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

/** Those that the file names now; one that it names no more is not served, and its machines stay as they are. */
function fakeClouds(
  { fakeInfra, workerProgram, localForUsers, log }: InfraOptions,
  root: string,
  place: () => Promise<HeadPlace>,
): () => ProviderPort[] {
  if (fakeInfra === null) return () => [];
  const file = new WatchedFile<ReadonlyMap<string, FakeInfra>>(fakeInfra, new Map(), (text) =>
    parseFakeConfig(text, fakeInfra),
  );
  const clouds = new Map<string, FakeCloud>();
  let said = '';
  return () => {
    const configs = file.get();
    if (file.error && file.error.message !== said)
      log.error({ err: file.error }, 'the file of fake infra is wrong; what it said before still counts');
    said = file.error?.message ?? '';
    for (const [name, config] of configs) {
      if (clouds.has(name)) continue;
      const dir = join(root, 'fake', name);
      mkdirSync(dir, { recursive: true, mode: 0o700 });
      const processes = new WorkerProcesses(join(dir, 'machines'), workerProgram);
      clouds.set(
        name,
        new FakeCloud({
          infra: `fake/${name}`,
          config: () => file.get().get(name) ?? config,
          clock: realClock,
          host: localFakeHost(processes, place),
          desk: fileDesk(dir),
          adminsOnly: localForUsers ? undefined : adminsOnly(`fake/${name}`),
        }),
      );
    }
    return [...clouds].filter(([name]) => configs.has(name)).map(([, cloud]) => cloud);
  };
}
