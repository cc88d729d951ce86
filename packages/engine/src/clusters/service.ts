/** What people do with clusters. Each call writes a wish and the request that waits for it, in one transaction. */
import { type ClusterDesire, DroverError, invalid, isJobFinal, type JobId } from '@drover/core';
import type { AutostopSpec, ExecBody, LaunchBody, StartBody, TaskSpec } from '@drover/core/wire';
import type { Actor } from '../actor.ts';
import type { InfraService } from '../infra/infra-service.ts';
import { cancelJob } from '../jobs/move.ts';
import { submitJob } from '../jobs/submit.ts';
import type { Ports } from '../ports.ts';
import type { ProjectService } from '../projects/service.ts';
import { gpusPerNode, holdsNodes } from '../projects/usage.ts';
import type { RequestRow } from '../requests/row.ts';
import { openRequests, type RequestService, type RequestWish, settleRequest } from '../requests/service.ts';
import type { State } from '../state/state.ts';
import type { Transaction } from '../state/transaction.ts';
import { assertMayRun, isUser } from './admins-only.ts';
import { createCluster, freeName } from './create.ts';
import { whyNoMatch } from './match.ts';
import { moveCluster, patchCluster } from './move.ts';
import type { ClusterRow } from './row.ts';
import { assertStoppable, autostopOf, isGoing, isStuck, notUp, STARTING } from './rules.ts';

/** What a call may bring beside its body. */
export interface CallNotes {
  /** The command in words, for the cluster's `lastUse`. */
  readonly lastUse?: string;
  readonly foreign?: RequestWish['foreign'];
  /** The request's id, chosen by the caller: the same call made again is answered with the same request. */
  readonly requestId?: string;
}

export class ClusterService {
  readonly #state: State;
  readonly #ports: Ports;
  readonly #requests: RequestService;
  readonly #projects: ProjectService;
  readonly #infra: InfraService;

  constructor(
    state: State,
    ports: Ports,
    requests: RequestService,
    projects: ProjectService,
    infra: InfraService,
  ) {
    this.#state = state;
    this.#ports = ports;
    this.#requests = requests;
    this.#projects = projects;
    this.#infra = infra;
  }

  /** The cluster of this name that is not TERMINATED; undefined: none. */
  find(actor: Actor, name: string): ClusterRow | undefined {
    return this.#state.tables.clusters.named(actor.project, name).find((row) => row.status !== 'TERMINATED');
  }

  /** @throws {DroverError} CLUSTER_NOT_FOUND */
  get(actor: Actor, name: string): ClusterRow {
    const row = this.find(actor, name);
    if (!row) throw new DroverError('CLUSTER_NOT_FOUND', { ref: name });
    return row;
  }

  /** @throws {DroverError} CLUSTER_NOT_FOUND, CLUSTER_NOT_UP */
  getUp(actor: Actor, name: string): ClusterRow {
    const row = this.get(actor, name);
    if (row.status !== 'UP') throw notUp(row);
    return row;
  }

  /**
   * Nodes, files, setup, then a job in the queue. An existing cluster is used when what is asked fits into it.
   * @throws {DroverError} RESOURCES_MISMATCH, CLUSTER_NOT_UP, INVALID_REQUEST, QUOTA_EXCEEDED, TOO_MANY_REQUESTS, STORE_FULL
   */
  launch(actor: Actor, body: LaunchBody, notes: CallNotes = {}): RequestRow {
    const earlier = this.#earlier(actor, notes, 'launch', body.cluster ?? null, body);
    if (earlier) return earlier;
    this.#begin(actor);
    return this.#state.transact(actor, (tx) => {
      const name = body.cluster ?? freeName(tx, this.#ports, actor);
      const existing = this.find(actor, name);
      const { task } = body;
      const autostop = autostopOf(body);
      this.#projects.assertRoom(actor.project, { logs: true });
      // One that was stopped comes back as it was, however little the task asks for.
      const wanted = existing && existing.nodes.length > 0 ? existing : { ...task, candidate: null };
      if (!existing || !holdsNodes(existing)) this.#assertQuota(actor, wanted);
      const row = existing
        ? this.#reuse(tx, actor, existing, body, autostop, notes)
        : createCluster(tx, this.#ports, actor, { name, body, autostop, lastUse: notes.lastUse ?? 'launch' });
      assertMayRun(this.#infra, actor, row);
      const isUp = existing?.status === 'UP';
      const fast = body.fast && isUp;
      const job = submitJob(this.#ports, tx, actor, row, task, {
        setup: !body.noSetup && !fast,
        mounts: !fast,
        workdir: true,
      });
      return this.#open(tx, actor, 'launch', row, notes, body, job.id);
    });
  }

  /** Working directory and run only, through the queue. @throws {DroverError} CLUSTER_NOT_FOUND, CLUSTER_NOT_UP, RESOURCES_MISMATCH */
  exec(actor: Actor, name: string, body: ExecBody, notes: CallNotes = {}): RequestRow {
    const earlier = this.#earlier(actor, notes, 'exec', name, body);
    if (earlier) return earlier;
    this.#begin(actor);
    this.#projects.assertRoom(actor.project, { logs: true });
    return this.#state.transact(actor, (tx) => {
      const row = this.get(actor, name);
      // A launch or start under way is waited for.
      const isComing = row.status === 'INIT' && row.desired === 'UP' && row.failure === null && !isStuck(row);
      if (row.desired !== 'UP' || (row.status !== 'UP' && !isComing)) throw notUp(row);
      if (body.task.run === null) throw invalid('task.run', 'exec needs a command to run');
      this.#assertFits(row, body.task);
      assertMayRun(this.#infra, actor, row);
      const job = submitJob(this.#ports, tx, actor, row, body.task, {
        setup: false,
        mounts: false,
        workdir: true,
      });
      const current = tx.get('clusters', row.id) as ClusterRow;
      patchCluster(tx, current, {
        lastUse: notes.lastUse ?? 'exec',
        ...(isUser(actor) && { byUser: true }),
        ...(body.down && { autostop: { idleMinutes: 0, down: true, waitFor: 'jobs' } }),
      });
      return this.#open(tx, actor, 'exec', row, notes, body, job.id);
    });
  }

  /** Where it was, with its homes. Nothing to do when it is UP. @throws {DroverError} CLUSTER_NOT_FOUND, CLUSTER_NOT_UP */
  start(actor: Actor, name: string, body: StartBody, notes: CallNotes = {}): RequestRow {
    const earlier = this.#earlier(actor, notes, 'start', name, body);
    if (earlier) return earlier;
    this.#begin(actor);
    return this.#state.transact(actor, (tx) => {
      const row = this.get(actor, name);
      if (row.desired === 'GONE') throw notUp(row);
      assertMayRun(this.#infra, actor, row);
      const now = this.#ports.clock.wallMs();
      let next = row;
      if (!holdsNodes(row)) this.#assertQuota(actor, row);
      if (row.status !== 'UP' || row.desired !== 'UP') {
        next = this.#wish(tx, row, 'UP', notes.lastUse ?? 'start', { retryUntilUp: body.retryUntilUp });
        next = moveCluster(tx, next, 'begin', now, STARTING, { launchedMs: now });
      } else if (body.force) next = patchCluster(tx, row, { lastUse: notes.lastUse ?? 'start' });
      if (body.autostop) next = this.#setAutostop(tx, next, body.autostop);
      return this.#open(tx, actor, 'start', next, notes, body);
    });
  }

  /** Ends what runs and gives back the nodes; homes stay. @throws {DroverError} CLUSTER_NOT_FOUND, NOT_SUPPORTED */
  stop(actor: Actor, name: string, options: { purge: boolean }, notes: CallNotes = {}): RequestRow {
    return this.#end(actor, name, 'STOPPED', options.purge, notes);
  }

  /** Ends everything: nothing of it is left anywhere. @throws {DroverError} CLUSTER_NOT_FOUND */
  down(actor: Actor, name: string, options: { purge: boolean }, notes: CallNotes = {}): RequestRow {
    return this.#end(actor, name, 'GONE', options.purge, notes);
  }

  #end(
    actor: Actor,
    name: string,
    desired: 'STOPPED' | 'GONE',
    purge: boolean,
    notes: CallNotes,
  ): RequestRow {
    const verb = desired === 'GONE' ? 'down' : 'stop';
    const earlier = this.#earlier(actor, notes, verb, name, { purge });
    if (earlier) return earlier;
    this.#begin(actor, true);
    return this.#state.transact(actor, (tx) => {
      const row = this.get(actor, name);
      if (desired === 'STOPPED') assertStoppable(row);
      const next = this.endIn(tx, row, desired, actor.name, notes.lastUse ?? verb, purge);
      return this.#open(tx, actor, verb, next, notes, { purge });
    });
  }

  #open(
    tx: Transaction,
    actor: Actor,
    verb: RequestWish['verb'],
    row: ClusterRow,
    notes: CallNotes,
    body: object,
    job: JobId | null = null,
  ): RequestRow {
    return this.#requests.open(tx, actor, {
      verb,
      clusterId: row.id,
      cluster: row.name,
      generation: row.generation,
      job,
      foreign: notes.foreign ?? null,
      id: notes.requestId,
      digest: this.#digestOf(notes, body),
    });
  }

  /** The wish to end: its open requests and jobs are cancelled with it. */
  endIn(
    tx: Transaction,
    row: ClusterRow,
    desired: 'STOPPED' | 'GONE',
    by: string,
    lastUse: string,
    purge = false,
  ): ClusterRow {
    const now = this.#ports.clock.wallMs();
    const words = desired === 'GONE' ? 'torn down' : 'stopped';
    const rule = `cluster '${row.name}' was ${words} by ${by}`;
    for (const request of openRequests(this.#state, tx, row.id)) {
      // One that asks for the same is not against it.
      if (request.verb === 'down' || (request.verb === 'stop' && desired === 'STOPPED')) continue;
      settleRequest(tx, request, 'cancel', now, { reason: { code: 'CANCELLED', message: rule } });
    }
    for (const job of tx.ownedBy('jobs', `clusters/${row.id}`))
      if (!isJobFinal(job.status)) cancelJob(tx, job, by, now, rule);
    // What is asked for later does not weaken what is asked for already.
    const wanted: ClusterDesire = row.desired === 'GONE' ? 'GONE' : desired;
    return this.#wish(tx, tx.get('clusters', row.id) ?? row, wanted, lastUse, {
      purge: purge || (row.purge && row.desired === wanted),
      failure: null,
      retryAtMs: null,
    });
  }

  /** Null cancels what is set. @throws {DroverError} CLUSTER_NOT_FOUND, CLUSTER_NOT_UP, NOT_SUPPORTED */
  autostop(actor: Actor, name: string, autostop: AutostopSpec | null, lastUse = 'autostop'): ClusterRow {
    this.#state.assertWritable();
    return this.#state.transact(actor, (tx) => {
      const row = this.getUp(actor, name);
      if (autostop && !autostop.down) assertStoppable(row);
      const next = patchCluster(tx, this.#setAutostop(tx, row, autostop), { lastUse });
      const message = autostop === null ? 'cancelled' : JSON.stringify(autostop);
      const reason = { code: 'AUTOSTOP', message };
      tx.event({
        noun: 'clusters',
        subject: row.id,
        name,
        type: 'autostop',
        from: row.status,
        to: row.status,
        reason,
      });
      return next;
    });
  }

  /** A setting made while none is active starts the timer anew; one that replaces another does not. */
  #setAutostop(tx: Transaction, row: ClusterRow, autostop: AutostopSpec | null): ClusterRow {
    const restarts = autostop?.waitFor === 'none' || (row.autostop === null && row.idleSinceMs !== null);
    return patchCluster(tx, row, {
      autostop,
      ...(restarts && { idleSinceMs: this.#ports.clock.wallMs() }),
    });
  }

  /** @throws {DroverError} IDEMPOTENCY_CONFLICT when the id is that of somebody else's request, or of another call */
  #earlier(
    actor: Actor,
    notes: CallNotes,
    verb: string,
    cluster: string | null,
    body: object,
  ): RequestRow | undefined {
    if (notes.requestId === undefined) return undefined;
    const row = this.#requests.earlier(actor, notes.requestId, verb);
    if (row && cluster !== null && row.cluster !== cluster)
      throw new DroverError('IDEMPOTENCY_CONFLICT', { differs: 'the cluster' });
    if (row && row.digest !== this.#digestOf(notes, body))
      throw new DroverError('IDEMPOTENCY_CONFLICT', { differs: 'the body' });
    return row;
  }

  /** Of what was asked, for a call that chose its id. */
  #digestOf({ requestId }: CallNotes, body: object): string | undefined {
    return requestId === undefined ? undefined : this.#ports.random.digest(JSON.stringify(body));
  }

  /** @throws {DroverError} QUOTA_EXCEEDED */
  #assertQuota(actor: Actor, wanted: Pick<ClusterRow, 'numNodes' | 'resources' | 'candidate'>): void {
    const { numNodes } = wanted;
    this.#projects.assertRoom(actor.project, { instances: numNodes, gpus: numNodes * gpusPerNode(wanted) });
  }

  #begin(actor: Actor, ends = false): void {
    this.#state.assertWritable();
    this.#requests.assertRoom(actor, { ends });
  }

  #wish(
    tx: Transaction,
    row: ClusterRow,
    desired: ClusterDesire,
    lastUse: string,
    patch: Partial<ClusterRow> = {},
  ): ClusterRow {
    return patchCluster(tx, row, {
      purge: false,
      ...patch,
      desired,
      generation: row.generation + 1,
      lastUse,
    });
  }

  #reuse(
    tx: Transaction,
    actor: Actor,
    row: ClusterRow,
    body: LaunchBody,
    autostop: AutostopSpec | null,
    notes: CallNotes,
  ): ClusterRow {
    if (isGoing(row)) throw notUp(row);
    const { task } = body;
    const hasNodes = row.nodes.length > 0;
    // What is sought for an earlier launch is not changed under it.
    const isSought = row.status === 'INIT' && row.failure === null;
    if (hasNodes || isSought) this.#assertFits(row, task);
    const now = this.#ports.clock.wallMs();
    const fresh =
      hasNodes || isSought
        ? {}
        : {
            resources: task.resources,
            blocked: task.blockedResources ?? [],
            numNodes: task.numNodes,
            optimize: body.optimize,
            candidate: null,
            byUser: false,
          };
    let next = this.#wish(tx, row, 'UP', notes.lastUse ?? 'launch', {
      ...fresh,
      ...(isUser(actor) && { byUser: true }),
      failure: null,
      tried: [],
      retryAtMs: null,
      retryUntilUp: body.retryUntilUp,
      launchedMs: now,
    });
    if (autostop) next = this.#setAutostop(tx, next, autostop);
    return next.status === 'UP' ? next : moveCluster(tx, next, 'begin', now, STARTING);
  }

  #assertFits(row: ClusterRow, task: TaskSpec): void {
    const why = whyNoMatch(row, task.resources, task.numNodes);
    if (why !== null) throw new DroverError('RESOURCES_MISMATCH', { ref: row.name, rule: why });
  }
}
