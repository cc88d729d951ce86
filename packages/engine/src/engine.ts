/** The control plane, put together. Everything that the head's routes call is a service here. */
import { type InstanceStatus, isoStamp } from '@drover/core';
import type { HeadView } from '@drover/core/wire';
import { type Actor, DEFAULT_PROJECT, SYSTEM } from './actor.ts';
import { AuditService } from './audit/service.ts';
import { type Clusters, makeClusters } from './clusters/start.ts';
import { EVENTS_REMEMBERED, EventService } from './events/service.ts';
import type { InfraService } from './infra/infra-service.ts';
import { startDepartures } from './instances/departure.ts';
import { dispatchController } from './instances/dispatch.ts';
import { InstancesByWorker } from './instances/index-by-worker.ts';
import { applyPlacements } from './instances/place.ts';
import { InstanceReads } from './instances/reads.ts';
import { cleanupController, startEviction } from './instances/retention.ts';
import { InstanceService } from './instances/service.ts';
import { filesOf } from './jobs/run.ts';
import { JoinTokenService } from './join-tokens/service.ts';
import { archiveController } from './logs/archive.ts';
import { LogService } from './logs/service.ts';
import { Streams } from './logs/streams.ts';
import type { MachineService } from './machines/service.ts';
import { type MachineOptions, makeMachines } from './machines/start.ts';
import type { LinkPort, Ports } from './ports.ts';
import { ProjectService } from './projects/service.ts';
import { Reconciler } from './reconcile/reconciler.ts';
import { Scheduler } from './scheduler/scheduler.ts';
import { decodeRow } from './state/codec.ts';
import { loadEvents, loadInstances } from './state/load.ts';
import {
  COLLECTIONS,
  type Collection,
  type Collections,
  type EventRow,
  type InstanceRow,
  type MetaRow,
} from './state/rows.ts';
import { State } from './state/state.ts';
import { StateAge } from './state-age.ts';
import { TokenService } from './tokens/service.ts';
import { UserService } from './users/service.ts';
import { Views } from './views.ts';
import { Breaker } from './workers/breaker.ts';
import { Links } from './workers/links.ts';
import { startLiveness, type Timing } from './workers/liveness.ts';
import { WorkerService } from './workers/service.ts';
import { type SessionContext, WorkerSession } from './workers/session.ts';

export interface EngineOptions {
  readonly version: string;
  readonly timing?: Partial<Timing>;
  readonly machines?: MachineOptions;
}

const TIMING: Timing = { pingMs: 2_000, leaseMs: 10_000, offlineMs: 45_000 };

export class Engine {
  readonly state: State;
  readonly herd: string;
  readonly instances: InstanceService;
  readonly reads: InstanceReads;
  readonly workers: WorkerService;
  readonly joinTokens: JoinTokenService;
  readonly users: UserService;
  readonly projects: ProjectService;
  readonly tokens: TokenService;
  readonly audit: AuditService;
  readonly machines: MachineService;
  readonly infra: InfraService;
  /** Clusters, jobs and requests. */
  readonly work: Clusters;
  readonly logs: LogService;
  readonly events: EventService;
  readonly streams: Streams;
  readonly scheduler: Scheduler;
  readonly links: Links;
  readonly views: Views;
  readonly #ports: Ports;
  readonly #session: SessionContext;
  readonly #byWorker: InstancesByWorker;
  readonly #age: StateAge;
  readonly #startedMs: number;
  readonly #version: string;

  private constructor(
    ports: Ports,
    state: State,
    herd: string,
    options: EngineOptions,
    loaded: readonly InstanceRow[],
    events: readonly EventRow[],
    foundRev: number,
  ) {
    const timing = { ...TIMING, ...options.timing };
    this.#ports = ports;
    this.#version = options.version;
    this.#startedMs = ports.clock.wallMs();
    this.state = state;
    this.herd = herd;
    this.links = new Links(state, ports.clock, ports.meter);
    this.#age = new StateAge(state, ports, this.links, {
      rev: foundRev,
      seq: loaded.reduce((most, row) => Math.max(most, row.seq), 0),
    });
    this.streams = new Streams(ports.clock, ports.random);
    this.reads = new InstanceReads(state, ports);
    this.users = new UserService(state, ports);
    this.projects = new ProjectService(state, ports);
    this.tokens = new TokenService(state, ports, this.users, this.projects);
    this.audit = new AuditService(state, ports);
    this.instances = new InstanceService(state, ports, this.projects);
    this.joinTokens = new JoinTokenService(state, ports);
    this.events = new EventService(state, ports, {
      rows: events,
      complete: events.length < EVENTS_REMEMBERED,
    });
    this.logs = new LogService(ports, this.reads, this.links, this.streams);
    const byWorker = new InstancesByWorker(state);
    this.#byWorker = byWorker;
    for (const row of loaded) byWorker.admit(row);
    this.workers = new WorkerService(state, ports, this.links, byWorker);
    const breaker = new Breaker(state, ports.clock, ports.log);
    this.scheduler = new Scheduler(
      state,
      breaker,
      (placements) => applyPlacements(state, ports.clock, placements),
      ports,
    );
    this.scheduler.load();
    const dispatch = dispatchController(state, this.links);
    const archive = archiveController(state, ports, this.links, this.streams);
    const made = makeMachines(
      {
        state,
        ports,
        herd,
        workers: this.workers,
        instances: this.instances,
        byWorker,
        joinTokens: this.joinTokens,
        poke: (controller, key) => reconciler.poke(controller, key),
      },
      options.machines ?? {},
    );
    this.machines = made.machines;
    this.infra = made.infra;
    this.work = makeClusters({
      state,
      ports,
      scheduler: this.scheduler,
      infra: this.infra,
      machines: this.machines,
      logs: this.logs,
      projects: this.projects,
      poke: (controller, key) => reconciler.poke(controller, key),
    });
    this.views = new Views({
      state,
      clock: ports.clock,
      scheduler: this.scheduler,
      links: this.links,
      infra: this.infra,
    });
    const reconciler: Reconciler = new Reconciler(state, ports.clock, ports.log, [
      cleanupController(state, ports),
      dispatch,
      archive,
      ...made.controllers,
      ...this.work.controllers,
    ]);
    this.#session = {
      state,
      ports,
      links: this.links,
      byWorker,
      streams: this.streams,
      herd,
      timing,
      outrun: (seen) => this.#age.outrun(seen),
      poke: (ids) => {
        for (const id of ids) {
          reconciler.poke(dispatch, id);
          reconciler.poke(archive, id);
        }
      },
    };
    startLiveness(state, ports, this.links, byWorker, timing);
    startEviction(state, ports, this.links);
    startDepartures(state, ports, this.links);
    reconciler.start();
    made.begin();
  }

  /** Loads what the store holds and takes over with the next epoch; durable before it resolves. @throws {StoreError} */
  static async start(ports: Ports, options: EngineOptions): Promise<Engine> {
    const { store } = ports;
    const last = await store.last();
    const loaded = new Map<Collection, Collections[Collection][]>();
    for (const name of COLLECTIONS) {
      const stored = name === 'instances' ? await loadInstances(ports) : await store.load(name);
      loaded.set(
        name,
        stored.map((row) => decodeRow<Collections[Collection]>(name, row)),
      );
    }
    const seqs = {} as Record<Collection | 'events', number>;
    for (const name of [...COLLECTIONS, 'events'] as const) seqs[name] = await store.maxSeq(name);
    const rows = [...loaded.values()].flat();
    const meta = new Map((loaded.get('meta') as MetaRow[]).map((row) => [row.id, row.value]));
    const events = await loadEvents(ports);
    let rev = 0;
    for (const row of [...rows, ...events]) rev = Math.max(rev, row.rev);
    const state = new State(ports, { rev, batch: last.batch, epoch: last.epoch + 1, seqs });
    for (const [name, each] of loaded) for (const row of each) state.admit(name, row);
    const herd = meta.get('herd') ?? ports.random.uuid();
    state.transact(SYSTEM, (tx) => {
      putMeta(tx.get('meta', 'herd'), 'herd', herd);
      putMeta(tx.get('meta', 'epoch'), 'epoch', String(last.epoch + 1));
      putMeta(tx.get('meta', 'rev'), 'rev', '');
      if (!tx.get('meta', 'events')) putMeta(undefined, 'events', '0 0');
      if (tx.get('meta', 'restored')) tx.delete('meta', 'restored');
      function putMeta(before: MetaRow | undefined, id: string, value: string): void {
        tx.put('meta', {
          ...before,
          id,
          project: DEFAULT_PROJECT,
          name: null,
          status: 'SET',
          owner: null,
          value,
        });
      }
      const now = ports.clock.wallMs();
      for (const worker of state.tables.workers.all()) {
        if (worker.status !== 'ONLINE') continue;
        const reason = { code: 'HEAD_RESTARTED', message: 'the head has started and not yet heard of it' };
        tx.put('workers', { ...worker, status: 'SUSPECT', reason, sinceMs: now });
      }
    });
    const instances = (loaded.get('instances') ?? []) as InstanceRow[];
    const engine = new Engine(ports, state, herd, options, instances, events, rev);
    const restored = meta.get('restored');
    if (restored !== undefined) {
      const doubted = engine.#age.doubtAll();
      ports.log.warn({ backup: restored, doubted }, 'this state was restored from a backup');
    }
    await state.durable();
    return engine;
  }

  /** A worker's link has opened; its messages go to what is returned. */
  openSession(workerId: string, port: LinkPort): WorkerSession {
    return new WorkerSession(this.#session, workerId, port);
  }

  /** What instances on this worker lay out now. */
  *treesOn(workerId: string): Generator<string> {
    for (const id of this.#byWorker.of(workerId))
      for (const file of this.state.tables.instances.get(id)?.spec.node?.files ?? []) yield file.tree;
  }

  /** Whether a job that has not ended is still to lay it out. */
  isTreeNeeded(tree: string): boolean {
    for (const job of this.state.liveJobs.all())
      if (filesOf(job).some((file) => file.tree === tree)) return true;
    return false;
  }

  async viewHead(): Promise<Omit<HeadView, 'tls'>> {
    const message = this.state.stalled;
    return {
      herd: this.herd,
      epoch: this.state.epoch,
      version: this.#version,
      rev: this.state.durableRev,
      startedAt: isoStamp(this.#startedMs),
      store: { kind: this.#ports.store.kind, status: message === null ? 'ok' : 'stalled', message },
      refusedFrames: this.links.refusedFrames,
    };
  }

  /** Every instance of the project, or those of one status, that can be deleted: ids. */
  async idsOf(actor: Actor, status: InstanceStatus | undefined): Promise<string[]> {
    const rows: InstanceRow[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.reads.list(actor, {
        limit: 1000,
        ...(status && { status }),
        ...(cursor && { cursor }),
      });
      rows.push(...page.rows);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    // All at once: nothing is evicted again between here and what is done with them.
    for (const row of rows) this.state.admit('instances', row);
    return rows.map((row) => row.id);
  }
}
