/** The providers of this head: `local`, and those that its files describe. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger, ProviderPort, Providers } from '@drover/engine';
import { realClock } from '../os/clock.ts';
import { FakeCloud } from './fake/cloud.ts';
import { type FakeInfra, parseFakeConfig } from './fake/config.ts';
import { fileDesk, localFakeHost } from './fake/local-host.ts';
import { WatchedFile } from './file-watch.ts';
import { LocalProvider } from './local.ts';
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
  /** What runs a worker on this machine. */
  readonly workerProgram: WorkerProgram;
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
  const localUrl = (): Promise<string> => serving;
  const root = join(stateDir, 'infra');
  const local = new LocalProvider(new WorkerProcesses(join(root, 'local'), options.workerProgram), localUrl);
  const fakes = fakeClouds(options, root, localUrl);

  const all = (): ProviderPort[] => [local, ...fakes()];
  return {
    all,
    get: (infra) => all().find((provider) => provider.infra === infra),
    joinUrl: () => serving.then((url) => options.advertiseUrl ?? url),
    serve: (url) => {
      serve(url);
      log.info({ infra: all().map((provider) => provider.infra) }, 'infra');
    },
    close: async () => undefined,
  };
}

/** Those that the file names now; one that it names no more is not served, and its machines stay as they are. */
function fakeClouds(
  { fakeInfra, workerProgram, log }: InfraOptions,
  root: string,
  joinUrl: () => Promise<string>,
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
          host: localFakeHost(processes, joinUrl),
          desk: fileDesk(dir),
        }),
      );
    }
    return [...clouds].filter(([name]) => configs.has(name)).map(([, cloud]) => cloud);
  };
}
