/**
 * A whole herd on virtual time: one engine, some agents, a network between them that delays and loses. Head and workers
 * can be killed at any moment; what they had made durable stays.
 */

import type { HeadFrame, HeadMessage, WorkerMessage } from '@drover/core/wire';
import {
  type Actor,
  DEFAULT_PROJECT,
  Engine,
  type LinkPort as HeadLinkPort,
  type Logger,
  type WorkerSession,
} from '@drover/engine';
import { Agent, type LinkPort, type LogStream, type Memory } from '@drover/worker/agent';
import { FakeDisk, FakeMachine } from './fake-machine.ts';
import { MemoryBlobs } from './memory-blobs.ts';
import { MemoryStore } from './memory-store.ts';
import { SeededRandom } from './seeded-random.ts';
import { type Life, VirtualClock } from './virtual-clock.ts';

interface SimLink {
  open: boolean;
  session: WorkerSession;
  toHead: WorkerMessage[];
}

export interface SimWorker {
  readonly id: string;
  readonly disk: FakeDisk;
  readonly offerCpu: number;
  memory: Memory;
  contactMs: number | null;
  agent: Agent | null;
  life: Life;
  link: SimLink | null;
  cut: boolean;
}

export const SIM_ACTOR: Actor = { kind: 'person', name: 'sim', project: DEFAULT_PROJECT };
const silent: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined };

export class SimHerd {
  readonly clock = new VirtualClock();
  readonly random: SeededRandom;
  readonly workers: SimWorker[] = [];
  readonly errors: string[] = [];
  store: MemoryStore;
  readonly #blobs = new MemoryBlobs();
  #headLife: Life = { dead: true, skewMs: 0 };
  engine: Engine | null = null;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    this.store = new MemoryStore({ schedule: (fn) => this.clock.after(this.random.int(3), fn) });
  }

  #log(who: string): Logger {
    return {
      ...silent,
      error: (fields, message) => this.errors.push(`${who}: ${message} ${String(fields['err'])}`),
    };
  }

  async startHead(): Promise<void> {
    const life: Life = { dead: false, skewMs: 0 };
    this.#headLife = life;
    const fatal = (error: Error): void => void this.errors.push(`fatal: ${error.message}`);
    const ports = {
      clock: this.clock.view(life),
      random: this.random,
      store: this.store,
      blobs: this.#blobs,
      log: this.#log('head'),
      fatal,
    };
    let engine: Engine | null = null;
    let failed: unknown = null;
    Engine.start(ports, { version: 'sim', timing: { pingMs: 200, leaseMs: 1_000, offlineMs: 4_000 } }).then(
      (started) => {
        engine = started;
      },
      (error: unknown) => {
        failed = error;
      },
    );
    await this.clock.until(() => engine !== null || failed !== null, this.clock.nowMs + 10_000);
    if (failed) throw failed;
    this.engine = engine;
  }

  /** What was not durable is lost; open links break. */
  killHead(): void {
    if (!this.engine) return;
    this.#headLife.dead = true;
    this.engine = null;
    this.store = this.store.crash(this.random.int(2));
    for (const worker of this.workers) this.#breakLink(worker);
  }

  /** Stops the head as SIGSTOP does: its timers and messages come late, all at once, when it goes on. */
  freezeHead(): { resume(): void } {
    const life = this.#headLife;
    life.frozen = [];
    return {
      resume: () => {
        const waiting = life.frozen ?? [];
        life.frozen = null;
        for (const run of waiting) run();
      },
    };
  }

  /** As if the present store were an older copy: one instance is not in it. Only while the head is dead. */
  loseOneFromStore(id: string): void {
    this.store.forgetRows('instances', (row) => row.id === id);
    this.store.forgetRows('reservations', (row) => row.owner === `instances/${id}`);
  }

  async addWorker(cpu: number): Promise<SimWorker> {
    const { engine } = this;
    if (!engine) throw new Error('no head');
    const { token } = engine.joinTokens.create(SIM_ACTOR, { ttlS: 3600, uses: 1 });
    const id = this.random.uuid();
    engine.workers.join(SIM_ACTOR, engine.joinTokens.check(token, id), { workerId: id });
    await this.clock.until(() => this.store.pending === 0, this.clock.nowMs + 1_000);
    const worker: SimWorker = {
      id,
      disk: new FakeDisk(),
      offerCpu: cpu,
      memory: { herd: engine.herd, epoch: 0, rev: 0 },
      contactMs: null,
      agent: null,
      life: { dead: true, skewMs: 0 },
      link: null,
      cut: false,
    };
    this.workers.push(worker);
    await this.startWorker(worker);
    return worker;
  }

  async startWorker(worker: SimWorker): Promise<void> {
    const life: Life = { dead: false, skewMs: worker.life.skewMs };
    worker.life = life;
    const world = this.clock.view({ dead: false, skewMs: 0 });
    const physical = { cpu: worker.offerCpu, memoryMiB: 100_000, diskMiB: 100_000, gpus: 0, ports: 1000 };
    const agent = new Agent(
      {
        clock: this.clock.view(life),
        machine: new FakeMachine(worker.disk, world, life),
        log: this.#log(`worker ${worker.id.slice(0, 4)}`),
        toBase64: (bytes) => Buffer.from(bytes).toString('base64'),
        remember: async (memory) => {
          worker.memory = memory;
        },
        noteContact: (monoMs) => {
          worker.contactMs = monoMs;
        },
        dialLog: (stream) => this.#dialLog(worker, stream),
      },
      {
        session: this.random.uuid(),
        bootId: 'boot',
        offer: {
          host: '10.0.0.1',
          hostname: 'sim',
          physical,
          schedulable: physical,
          gpus: [],
          supervision: { shim: 'sh', cgroup: 'none', memoryEnforced: false, notes: [] },
          version: 'sim',
        },
        memory: worker.memory,
        contactMs: worker.contactMs,
      },
    );
    await agent.start();
    worker.agent = agent;
    this.#dial(worker, life);
  }

  killWorker(worker: SimWorker): void {
    worker.life.dead = true;
    worker.agent = null;
    this.#breakLink(worker);
  }

  /** Cuts the network of one worker, or mends it. What was under way is lost. */
  setCut(worker: SimWorker, cut: boolean): void {
    worker.cut = cut;
    if (cut) this.#breakLink(worker);
  }

  /** A bulk stream: arrives whole after a while, unless the head or the network is gone by then. */
  #dialLog(worker: SimWorker, stream: LogStream): Promise<void> {
    return new Promise((resolve, reject) => {
      this.clock.after(this.#delayMs(), () => {
        const { ticket, offset, available, size, bytes } = stream;
        const lost = worker.cut || worker.life.dead || this.#headLife.dead;
        const arrival = { offset, available, size, bytes, cancel: () => undefined };
        if (!lost && this.engine?.streams.arrive(worker.id, ticket, arrival)) resolve();
        else reject(new Error('nobody is there'));
      });
    });
  }

  #delayMs(): number {
    return 1 + this.random.int(20);
  }

  #dial(worker: SimWorker, life: Life): void {
    if (life.dead) return;
    if (worker.link) return;
    const { engine } = this;
    const headLife = this.#headLife;
    if (!engine || worker.cut) {
      this.clock.after(100 + this.random.int(100), () => this.#dial(worker, life));
      return;
    }
    let arrivesMs = 0;
    const inOrder = (fn: () => void): void => {
      arrivesMs = Math.max(arrivesMs, this.clock.nowMs + this.#delayMs());
      this.clock.after(arrivesMs - this.clock.nowMs, fn);
    };
    const headPort: HeadLinkPort = {
      send: (frames: readonly HeadFrame[]) => {
        if (!link.open || headLife.dead) return;
        const message: HeadMessage = {
          herd: engine.herd,
          epoch: engine.state.epoch,
          rev: engine.state.durableRev,
          frames: [...frames],
        };
        inOrder(() => {
          if (link.open && !life.dead) worker.agent?.receive(structuredClone(message));
        });
      },
      close: () => this.#breakLink(worker, link),
    };
    const link: SimLink = { open: true, session: engine.openSession(worker.id, headPort), toHead: [] };
    worker.link = link;
    const workerPort: LinkPort = {
      send: (message) => {
        if (!link.open || life.dead) return false;
        inOrder(() => {
          const deliver = (): void => {
            if (!link.open || headLife.dead) return;
            const fail = (error: unknown): void => void this.errors.push(String(error));
            link.session.receive(structuredClone(message))?.catch(fail);
          };
          if (headLife.frozen) headLife.frozen.push(deliver);
          else deliver();
        });
        return true;
      },
      reset: () => this.#breakLink(worker, link),
    };
    this.clock.after(this.#delayMs(), () => {
      if (link.open && !life.dead) worker.agent?.opened(workerPort);
    });
  }

  #breakLink(worker: SimWorker, which = worker.link): void {
    const link = which;
    if (!link?.open) return;
    link.open = false;
    if (worker.link === link) worker.link = null;
    const headLife = this.#headLife;
    // Each side learns of it in its own time.
    this.clock.after(this.#delayMs(), () => {
      if (!headLife.dead) link.session.closed();
    });
    const { life } = worker;
    if (life.dead) return;
    worker.agent?.closed();
    this.clock.after(50 + this.random.int(200), () => this.#dial(worker, life));
  }
}
