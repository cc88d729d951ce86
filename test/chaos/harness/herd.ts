/** A head and workers as real programs, each in a network namespace with a state folder on a small disk of its own. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FaultyProxy } from '@drover/testkit/faulty-proxy';
import type { Client } from 'drover';
import { compileRelay, MovableClock } from './compiled.ts';
import { Network } from './network.ts';
import { type Ended, Program } from './program.ts';
import { Relay } from './relay.ts';
import { loadSdk } from './sdk.ts';
import { pause } from './shell.ts';
import { SmallDisk } from './tmpfs.ts';

export interface Timing {
  readonly pingMs: number;
  readonly leaseMs: number;
  readonly offlineMs: number;
}

/** Short, so that a scenario sees a whole life of a lease in seconds. */
export const TIMING: Timing = { pingMs: 400, leaseMs: 2_000, offlineMs: 5_000 };
/** A name by which the head may be called, where a scenario gives it one. */
export const HEAD_NAME = 'head.chaos';
const HEAD_PORT = 3768;
const DISK_MIB = 192;
const READY_MS = 30_000;

/** How the link of a worker is made: a veth pair, a relay of frames, or a veth pair with a TCP proxy on the way to the head. */
export type LinkKind = 'veth' | 'relay' | 'proxy';

export interface HerdOptions {
  /** Everything of this herd lies here. */
  readonly folder: string;
  readonly bundle: string;
  /** Part of names on the network, and which of several networks of the run it is. */
  readonly run: string;
  readonly index?: number;
  readonly timing?: Timing;
  readonly random: () => number;
  readonly headFlags?: readonly string[];
}

/** One program that may be up, paused or down. */
export interface Component {
  readonly name: string;
  readonly disk: SmallDisk;
  readonly clock: MovableClock | null;
  program: Program | null;
}

export interface WorkerComponent extends Component {
  readonly kind: LinkKind;
  readonly relay: Relay | null;
  readonly proxy: FaultyProxy | null;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  id: string;
}

export class ChaosHerd {
  readonly network: Network;
  readonly options: HerdOptions;
  readonly workers = new Map<string, WorkerComponent>();
  readonly head: Component;
  /** Programs that are started twice, and such: ended with the herd. */
  readonly others: Program[] = [];
  readonly #relay: string | null;
  readonly #clock: string | null;
  readonly #Client: typeof Client;
  /** Which native helpers could not be compiled. */
  readonly missing: readonly string[];
  token = '';

  private constructor(options: HerdOptions, network: Network, made: Made) {
    this.options = options;
    this.network = network;
    this.#relay = made.relay;
    this.#clock = made.clock;
    this.#Client = made.Client;
    this.missing = [...(made.relay ? [] : ['relay']), ...(made.clock ? [] : ['clock'])];
    this.head = {
      name: 'head',
      disk: new SmallDisk(join(options.folder, 'head')),
      clock: this.#newClock('head'),
      program: null,
    };
  }

  static async open(options: HerdOptions): Promise<ChaosHerd> {
    mkdirSync(options.folder, { recursive: true });
    const [relay, clock, sdk] = await Promise.all([
      compileRelay(options.folder),
      MovableClock.compile(options.folder),
      loadSdk(options.bundle),
    ]);
    const network = new Network(options.run, options.index);
    await network.open();
    await network.add('head');
    const herd = new ChaosHerd(options, network, { relay, clock, Client: sdk.Client });
    await herd.head.disk.mount(DISK_MIB);
    return herd;
  }

  get url(): string {
    return `http://${this.network.place('head').address}:${HEAD_PORT}`;
  }

  /** @param retryMs how long a call is tried again; the whole run must outlive a head that is down for a while */
  client(retryMs = 60_000, url = this.url): Client {
    return new this.#Client({ url, token: this.token, retryMs, replyMs: 10_000 });
  }

  logOf(name: string): string {
    return join(this.options.folder, `${name}.log`);
  }

  /** A program that is not one of the herd's own: a second head, a second worker. */
  launch(
    place: string,
    args: readonly string[],
    env: Record<string, string> = {},
    bundle = this.options.bundle,
  ): Program {
    const enter = this.network.command(place);
    const program = new Program({ enter, bundle, args, env, log: this.logOf(`${place}-other`) });
    this.others.push(program);
    return program;
  }

  headArgs(): string[] {
    const place = this.network.place('head');
    const { pingMs, leaseMs, offlineMs } = this.options.timing ?? TIMING;
    const times = Object.entries({ ping: pingMs, 'suspect-after': leaseMs, 'offline-after': offlineMs });
    return [
      ...['head', '--state', this.head.disk.folder, '--host', place.address, '--insecure-bind'],
      ...['--port', String(HEAD_PORT), '--json', '--allow-host', HEAD_NAME],
      ...times.flatMap(([flag, ms]) => [`--${flag}`, `${ms}ms`]),
      ...(this.options.headFlags ?? []),
    ];
  }

  async startHead(): Promise<void> {
    const { head } = this;
    if (head.program?.isAlive) return;
    head.program = new Program({
      enter: this.network.command('head'),
      bundle: this.options.bundle,
      args: this.headArgs(),
      env: head.clock?.env ?? {},
      log: this.logOf('head'),
    });
    const ready = await within(head.program.ready, 'the head serves');
    this.token = readFileSync(ready['tokenFile'] ?? '', 'utf8');
  }

  /** Joins a new worker and waits until it is ONLINE. */
  async addWorker(name: string, kind: LinkKind, flags: readonly string[] = []): Promise<WorkerComponent> {
    const { folder } = this.options;
    const isRelay = kind === 'relay' && this.#relay !== null;
    const control = join(folder, `${name}.relay`);
    const seed = Math.floor(this.options.random() * 1e9);
    const relay = isRelay ? await Relay.add(this.network, name, this.#relay ?? '', control, seed) : null;
    const place = isRelay ? this.network.place(name) : await this.network.add(name);
    const proxy = kind === 'proxy' ? await this.#proxy() : null;
    const head = proxy === null ? this.url : `http://${this.network.hubAddress}:${proxy.port}`;
    const disk = new SmallDisk(join(folder, name));
    await disk.mount(DISK_MIB);
    const { token } = await this.client().joinTokens.create({ uses: 1 });
    const worker: WorkerComponent = {
      name,
      kind,
      relay,
      proxy,
      disk,
      clock: this.#newClock(name),
      args: [
        'worker',
        '--state',
        disk.folder,
        '--head',
        head,
        '--advertise',
        place.address,
        '--json',
        '--name',
        name,
        ...flags,
      ],
      env: { DROVER_JOIN_TOKEN: token },
      program: null,
      id: '',
    };
    this.workers.set(name, worker);
    this.startWorker(worker);
    const ready = await within(
      worker.program?.ready ?? Promise.reject(new Error('not started')),
      `${name} is ONLINE`,
    );
    worker.id = ready['workerId'] ?? '';
    this.#note(worker.id);
    return worker;
  }

  /** The same command line and environment as before; does not wait for it. */
  startWorker(worker: WorkerComponent, bundle = this.options.bundle): void {
    if (worker.program?.isAlive) return;
    worker.program = new Program({
      enter: this.network.command(worker.name),
      bundle,
      args: worker.args,
      env: { ...worker.env, ...worker.clock?.env },
      log: this.logOf(worker.name),
    });
  }

  worker(name: string): WorkerComponent {
    const worker = this.workers.get(name);
    if (!worker) throw new Error(`no worker ${name}`);
    return worker;
  }

  async end(component: Component, signal: NodeJS.Signals): Promise<Ended> {
    return (await component.program?.end(signal)) ?? 0;
  }

  /** A good network, room on all disks, true clocks, and every program up and running. */
  async heal(): Promise<void> {
    const all: Component[] = [this.head, ...this.workers.values()];
    for (const component of all) {
      component.disk.empty();
      component.clock?.set(0);
      component.program?.signal('SIGCONT');
      await this.network.heal(component.name);
    }
    for (const worker of this.workers.values()) {
      worker.relay?.set({});
      worker.proxy?.heal();
    }
    await this.startHead();
    for (const worker of this.workers.values()) this.startWorker(worker);
  }

  /** Ends the programs; the instances must have gone before. */
  async close(): Promise<void> {
    for (const other of this.others) if (other.isAlive) await other.end('SIGKILL');
    for (const worker of this.workers.values()) {
      worker.program?.signal('SIGCONT');
      if (worker.program?.isAlive) await Promise.race([worker.program.end('SIGTERM'), pause(12_000)]);
      if (worker.program?.isAlive) await worker.program.end('SIGKILL');
    }
    if (this.head.program?.isAlive) await Promise.race([this.head.program.end('SIGTERM'), pause(12_000)]);
    if (this.head.program?.isAlive) await this.head.program.end('SIGKILL');
    for (const worker of this.workers.values()) {
      worker.relay?.close();
      await worker.proxy?.close();
    }
    await this.network.close();
    for (const { disk } of [this.head, ...this.workers.values()]) await disk.unmount();
  }

  async #proxy(): Promise<FaultyProxy> {
    const target = { host: this.network.place('head').address, port: HEAD_PORT };
    return await FaultyProxy.start({
      host: this.network.hubAddress,
      port: 0,
      target,
      random: this.options.random,
    });
  }

  /** A proxy between the harness as a client and the head. */
  clientProxy(): Promise<FaultyProxy> {
    return this.#proxy();
  }

  #newClock(name: string): MovableClock | null {
    return this.#clock === null
      ? null
      : MovableClock.at(this.#clock, join(this.options.folder, `${name}.clock`));
  }

  /** For the sweep of cgroups by scripts/chaos.mjs. */
  #note(workerId: string): void {
    const noted = join(process.env['CHAOS_RUN'] ?? this.options.folder, 'worker-ids');
    mkdirSync(noted, { recursive: true });
    writeFileSync(join(noted, workerId), '');
  }
}

interface Made {
  readonly relay: string | null;
  readonly clock: string | null;
  readonly Client: typeof Client;
}

async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${READY_MS} ms: ${what}`)), READY_MS);
  });
  return await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
