/**
 * A whole herd on virtual time: one engine, some agents, a network between them that delays and loses. Head and workers
 * can be killed at any moment; what they had made durable stays.
 */

import { isDroverError } from '@drover/core';
import {
  type Actor,
  DEFAULT_PROJECT,
  Engine,
  type Logger,
  type MachineOptions,
  type Meter,
  type Providers,
} from '@drover/engine';
import { Agent, type LogStream, type Memory } from '@drover/worker/agent';
import { FakeDisk, FakeMachine } from './fake-machine.ts';
import { MemoryBlobs } from './memory-blobs.ts';
import { MemoryStore } from './memory-store.ts';
import { sampleOffer } from './sample-offer.ts';
import { SeededRandom } from './seeded-random.ts';
import { GOOD_NET, type NetConditions, SimLink } from './sim-link.ts';
import { type Life, VirtualClock } from './virtual-clock.ts';

export interface SimWorker {
  readonly id: string;
  readonly disk: FakeDisk;
  readonly offerCpu: number;
  readonly offerGpus: number;
  memory: Memory;
  contactMs: number | null;
  agent: Agent | null;
  life: Life;
  link: SimLink | null;
  net: NetConditions;
  boots: number;
  /** Cut the bulk streams that it sends. */
  readonly streams: Set<() => void>;
  /** It was deleted, and has been told so. */
  isRetired: boolean;
}

export const SIM_ACTOR: Actor = { kind: 'person', name: 'sim', project: DEFAULT_PROJECT };

/** The bytes until `cut` is called: then it breaks off, as a connection of a process that died. */
async function* breakable(
  bytes: AsyncIterable<Uint8Array>,
  onBreak: (cut: () => void) => void,
): AsyncGenerator<Uint8Array> {
  const broken = new Promise<never>((_, reject) => onBreak(() => reject(new Error('the stream was cut'))));
  broken.catch(() => undefined);
  const source = bytes[Symbol.asyncIterator]();
  for (;;) {
    const next = await Promise.race([source.next(), broken]);
    if (next.done) return;
    yield next.value;
  }
}

function freeze(life: Life): { resume(): void } {
  life.frozen ??= [];
  life.freezes = (life.freezes ?? 0) + 1;
  return {
    resume: () => {
      life.freezes = (life.freezes ?? 1) - 1;
      if (life.freezes > 0) return;
      const waiting = life.frozen ?? [];
      life.frozen = null;
      for (const run of waiting) run();
    },
  };
}

export class SimHerd {
  readonly clock = new VirtualClock();
  readonly random: SeededRandom;
  readonly workers: SimWorker[] = [];
  readonly errors: string[] = [];
  store: MemoryStore;
  readonly blobs = new MemoryBlobs();
  #headLife: Life = { dead: true, skewMs: 0 };
  engine: Engine | null = null;
  /** Hears every message, fault and log line of this life, with the time; null: nobody listens. */
  onTrace: ((line: string) => void) | null = null;
  /** Where its machines come from; set before the head starts. Null: only workers that join by hand. */
  providers: Providers | null = null;
  /** Hears what the engine does; set before the head starts. */
  meter: Meter | null = null;
  /** For machines: set before the head starts. */
  machines: MachineOptions = {};

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    this.store = new MemoryStore({ schedule: (fn) => this.clock.after(this.random.int(3), fn) });
  }

  trace(who: string, what: () => string): void {
    this.onTrace?.(`${String(this.clock.nowMs).padStart(8)} ${who}: ${what()}`);
  }

  #log(who: string): Logger {
    return {
      debug: (fields, message) => this.trace(who, () => `${message} ${JSON.stringify(fields)}`),
      info: (fields, message) => this.trace(who, () => `${message} ${JSON.stringify(fields)}`),
      warn: (fields, message) => this.trace(who, () => `${message} ${JSON.stringify(fields)}`),
      error: (fields, message) => {
        const text = `${who}: ${message} ${String(fields['err'])}`;
        this.trace(who, () => text);
        // What a test has ordered is no defect.
        if (!text.includes('EIO: i/o error')) this.errors.push(text);
      },
    };
  }

  async startHead(): Promise<void> {
    const life: Life = { dead: false, skewMs: this.#headLife.skewMs };
    this.#headLife = life;
    const fatal = (error: Error): void => void this.errors.push(`fatal: ${error.message}`);
    const ports = {
      clock: this.clock.view(life),
      random: this.random,
      store: this.store,
      blobs: this.blobs,
      log: this.#log('head'),
      fatal,
      ...(this.providers && { providers: this.providers }),
      ...(this.meter && { meter: this.meter }),
    };
    let engine: Engine | null = null;
    let failed: unknown = null;
    const timing = { pingMs: 200, leaseMs: 1_000, offlineMs: 4_000 };
    Engine.start(ports, { version: 'sim', timing, machines: this.machines }).then(
      (started) => {
        engine = started;
      },
      (error: unknown) => {
        failed = error;
      },
    );
    await this.clock.until(() => engine !== null || failed !== null, this.clock.nowMs + 10_000);
    if (isDroverError(failed) && failed.code === 'STORE_FULL') {
      // It could not write its first batch, and ends. Whoever supervises it starts it again.
      life.dead = true;
      this.store = this.store.crash();
      await this.clock.until(() => false, this.clock.nowMs + 500);
      return await this.startHead();
    }
    if (failed) throw failed;
    this.engine = engine;
    if (engine) this.#traceEvents(engine);
  }

  #traceEvents({ state }: Engine): void {
    state.subscribe(({ events }) => {
      for (const { subject, type, from, to, reason } of events)
        this.trace('head', () => `${subject.slice(0, 8)} ${type}: ${from} -> ${to} ${reason?.code ?? ''}`);
    });
  }

  /** What was not durable is lost; open links break. */
  killHead(): void {
    if (!this.engine) return;
    this.#headLife.dead = true;
    this.engine = null;
    this.store = this.store.crash(this.random.int(2));
    // The machine of the head is still there: it tells the other ends.
    for (const worker of this.workers) worker.link?.closeHeadEnd();
  }

  /** Stops the head as SIGSTOP does: its timers and messages come late, all at once, when it goes on. */
  freezeHead(): { resume(): void } {
    return freeze(this.#headLife);
  }

  /** Moves the wall clock of the head. */
  skewHead(ms: number): void {
    this.#headLife.skewMs += ms;
  }

  /** As if the present store were an older copy: one instance is not in it. Only while the head is dead. */
  loseOneFromStore(id: string): void {
    this.store.forgetRows('instances', (row) => row.id === id);
    this.store.forgetRows('reservations', (row) => row.owner === `instances/${id}`);
  }

  async addWorker(cpu: number, gpus = 0): Promise<SimWorker> {
    const { engine } = this;
    if (!engine) throw new Error('no head');
    const { token } = engine.joinTokens.create(SIM_ACTOR, { ttlS: 3600, uses: 1 });
    const worker = this.joinWorker(cpu, token, gpus);
    await this.clock.until(() => this.store.pending === 0, this.clock.nowMs + 1_000);
    await this.startWorker(worker);
    return worker;
  }

  /** A worker that has joined with this token and has not started. @throws {DroverError} JOIN_TOKEN_INVALID */
  joinWorker(cpu: number, token: string, gpus = 0): SimWorker {
    const { engine } = this;
    if (!engine) throw new Error('no head');
    const id = this.random.uuid();
    engine.workers.join(SIM_ACTOR, engine.joinTokens.check(token, id), { workerId: id });
    const worker: SimWorker = {
      id,
      disk: new FakeDisk(),
      offerCpu: cpu,
      offerGpus: gpus,
      memory: { herd: engine.herd, epoch: 0, rev: 0 },
      contactMs: null,
      agent: null,
      life: { dead: true, skewMs: 0 },
      link: null,
      net: GOOD_NET,
      boots: 1,
      streams: new Set(),
      isRetired: false,
    };
    this.workers.push(worker);
    return worker;
  }

  async startWorker(worker: SimWorker): Promise<void> {
    const life: Life = { dead: false, skewMs: worker.life.skewMs };
    worker.life = life;
    const world = this.clock.view({ dead: false, skewMs: 0 });
    const gpus = Array.from({ length: worker.offerGpus }, (_, index) => ({
      index,
      uuid: `GPU-${worker.id}-${index}`,
      model: 'NVIDIA H100 80GB HBM3',
      memoryMiB: 81_559,
      computeCapability: '9.0',
    }));
    const physical = {
      cpu: worker.offerCpu,
      memoryMiB: 100_000,
      diskMiB: 100_000,
      gpus: gpus.length,
      ports: 1000,
    };
    const agent = new Agent(
      {
        clock: this.clock.view(life),
        machine: new FakeMachine(worker.disk, world, life),
        homes: {
          prepare: async (order) => {
            if (order.home != null) worker.disk.homes.add(order.home);
          },
          remove: async (home) => {
            worker.disk.homes.delete(home);
          },
        },
        log: this.#log(`worker ${worker.id.slice(0, 4)}`),
        toBase64: (bytes) => Buffer.from(bytes).toString('base64'),
        remember: async (memory) => {
          worker.disk.check('remember');
          worker.memory = memory;
        },
        noteContact: (monoMs) => {
          worker.contactMs = monoMs;
        },
        dialLog: (stream) => this.#dialLog(worker, stream),
      },
      {
        session: this.random.uuid(),
        bootId: `boot ${worker.boots}`,
        offer: sampleOffer(physical, { host: '10.0.0.1', gpus, homes: true }),
        memory: worker.memory,
        contactMs: worker.contactMs,
      },
    );
    await agent.start();
    worker.agent = agent;
    this.#dial(worker, life);
  }

  killWorker(worker: SimWorker): void {
    const { link } = worker;
    worker.life.dead = true;
    worker.agent = null;
    worker.link = null;
    for (const cut of worker.streams) cut();
    worker.streams.clear();
    link?.closeWorkerEnd();
  }

  /** The machine goes down with all that runs on it, and is up again when the worker is started. */
  rebootMachine(worker: SimWorker): void {
    this.killWorker(worker);
    worker.boots += 1;
    worker.contactMs = null;
    worker.disk.reboot(this.clock.view({ dead: false, skewMs: 0 }).wallMs());
  }

  /** Stops a worker as SIGSTOP does. */
  freezeWorker(worker: SimWorker): { resume(): void } {
    return freeze(worker.life);
  }

  /** A copy of what is durable now, as a backup would be. */
  backup(): MemoryStore {
    return this.store.copy();
  }

  /**
   * The state is an older copy from now on. Only while the head is dead.
   * @param isMarked as "drover head restore" leaves it; else as somebody who copied files does
   */
  restore(backup: MemoryStore, isMarked: boolean): void {
    this.store = backup.copy();
    const mark = { name: null, status: 'SET', owner: null, rev: 0, v: 1, body: '{"value":"a test"}' };
    if (isMarked) this.store.plant('meta', { id: 'restored', seq: 1_000, project: DEFAULT_PROJECT, ...mark });
  }

  /** Cuts the network of one worker, or mends it. What was under way is lost. */
  setCut(worker: SimWorker, cut: boolean): void {
    worker.link?.break();
    worker.net = { ...GOOD_NET, toHeadBlocked: cut, toWorkerBlocked: cut };
  }

  /** A bulk stream: arrives whole after a while, unless the head or the network is gone by then. */
  #dialLog(worker: SimWorker, stream: LogStream): Promise<void> {
    return new Promise((resolve, reject) => {
      this.clock.after(this.#delayMs(), () => {
        const { ticket, offset, available, size, bytes } = stream;
        const lost = worker.net.toHeadBlocked || worker.life.dead || this.#headLife.dead;
        const whileItLives = breakable(bytes, (cut) => worker.streams.add(cut));
        const arrival = { offset, available, size, bytes: whileItLives, cancel: () => undefined };
        if (!lost && this.engine?.streams.arrive(worker.id, ticket, arrival)) resolve();
        else reject(new Error('nobody is there'));
      });
    });
  }

  #delayMs(): number {
    return 1 + this.random.int(20);
  }

  #dial(worker: SimWorker, life: Life): void {
    if (life.dead || worker.link) return;
    const { engine } = this;
    const { toHeadBlocked, toWorkerBlocked } = worker.net;
    if (!engine || toHeadBlocked || toWorkerBlocked) {
      this.clock.view(life).after(100 + this.random.int(100), () => this.#dial(worker, life));
      return;
    }
    const link: SimLink = new SimLink({
      clock: this.clock,
      random: this.random,
      net: () => worker.net,
      engine,
      headLife: this.#headLife,
      agent: () => (life.dead ? null : worker.agent),
      life,
      workerId: worker.id,
      trace: (what) => this.trace(`link of ${worker.id.slice(0, 4)}`, what),
      onError: (error) => void this.errors.push(String(error)),
      onDeleted: () => {
        life.dead = true;
        worker.agent = null;
        worker.isRetired = true;
      },
      onWorkerEndClosed: () => {
        if (worker.link === link) worker.link = null;
        this.clock.view(life).after(50 + this.random.int(200), () => this.#dial(worker, life));
      },
    });
    worker.link = link;
  }
}
