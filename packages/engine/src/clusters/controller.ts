/**
 * Controller: each cluster comes a step closer to what is wanted of it. It reads rows and nothing else, so that the
 * path after a restart is the ordinary path.
 */
import { DroverError } from '@drover/core';
import { SYSTEM } from '../actor.ts';
import type { InfraService } from '../infra/infra-service.ts';
import { moveJob } from '../jobs/move.ts';
import { demandOf, planStarts } from '../jobs/queue.ts';
import type { JobRow } from '../jobs/row.ts';
import { needsPreparing, startRun, startSetup } from '../jobs/run.ts';
import type { MachineRow } from '../machines/row.ts';
import type { MachineService } from '../machines/service.ts';
import type { Ports } from '../ports.ts';
import type { Controller } from '../reconcile/reconciler.ts';
import { errorFactOf, reasonOf, say, settleRequest } from '../requests/service.ts';
import type { Scheduler } from '../scheduler/scheduler.ts';
import type { InstanceRow } from '../state/rows.ts';
import type { State } from '../state/state.ts';
import type { Transaction } from '../state/transaction.ts';
import { watchIdle } from './autostop.ts';
import { endCluster } from './end.ts';
import { whyNoMatch } from './match.ts';
import { moveCluster, patchCluster } from './move.ts';
import { provision } from './provision.ts';
import type { ClusterRow } from './row.ts';
import type { ClusterService } from './service.ts';

/** What the steps of a cluster need. */
export interface ClusterContext {
  readonly state: State;
  readonly ports: Ports;
  readonly scheduler: Scheduler;
  readonly infra: InfraService;
  readonly machines: MachineService;
  readonly clusters: ClusterService;
}

const OWNER = /^(clusters|jobs)\/(.*)/;

export function clusterController(context: ClusterContext): Controller {
  const { state } = context;
  const clusterOfOwner = (owner: string | null | undefined): string[] => {
    const [, noun, id] = OWNER.exec(owner ?? '') ?? [];
    if (id === undefined) return [];
    if (noun === 'clusters') return [id];
    return clusterOfOwner(state.tables.jobs.get(id)?.owner);
  };
  return {
    name: 'clusters',
    watches: ({ collection, id, before, after }) => {
      if (collection === 'clusters') return after ? [id] : [];
      if (collection === 'workers') return affected(state, id, before?.status === after?.status);
      if (
        collection === 'meta' ||
        (collection === 'machines' && isShared((after ?? before) as MachineRow | undefined))
      )
        return waitingClusters(state);
      const isPart = ['jobs', 'reservations', 'instances', 'machines'].includes(collection);
      return isPart ? clusterOfOwner(((after ?? before) as InstanceRow | undefined)?.owner) : [];
    },
    *all() {
      for (const row of state.tables.clusters.all()) if (row.status !== 'TERMINATED') yield row.id;
    },
    reconcile(id) {
      const row = state.tables.clusters.get(id);
      if (!row || row.status === 'TERMINATED') return undefined;
      if (row.desired !== 'UP') return endCluster(context, row);
      if (row.failure?.generation === row.generation) return undefined;
      const ready = provision(context, row);
      if (ready !== 'ready') return ready.againMs;
      return work(context, id);
    },
  };
}

const isShared = (row: MachineRow | undefined): boolean => row?.owner.startsWith('infra/') === true;

/** Clusters whose nodes are not all there. */
export function waitingClusters(state: State): string[] {
  const ids: string[] = [];
  for (const row of state.tables.clusters.all())
    if (row.status === 'INIT' && row.desired === 'UP') ids.push(row.id);
  return ids;
}

/** Clusters with a node on this worker; and those that wait for nodes, when one has come or gone. */
function affected(state: State, workerId: string, sameStatus: boolean): string[] {
  if (sameStatus) return [];
  const ids: string[] = [];
  for (const row of state.tables.clusters.all()) {
    if (row.status === 'TERMINATED') continue;
    const isHere = row.nodes.some((node) => node.workerId === workerId);
    if (isHere || row.nodes.some((node) => node.workerId === null) || row.nodes.length === 0)
      ids.push(row.id);
  }
  return ids;
}

/** All nodes are there: prepare what was launched, start what waits, stop what is idle. */
function work(context: ClusterContext, id: string): number | undefined {
  const { state } = context;
  for (;;) {
    const row = state.tables.clusters.get(id);
    if (!row) return undefined;
    const jobs = state.liveJobs.of(`clusters/${id}`);
    const preparing = jobs.find((job) => job.status === 'SETTING_UP');
    const next = jobs.find((job) => job.status === 'INIT');
    if (preparing || !next) {
      settleStatus(context, row, preparing);
      break;
    }
    // Ready before it is tried: an `exec` that lays out files does not take the cluster down.
    state.transact(SYSTEM, (tx) => beginJob(context, tx, row, next));
  }
  const row = state.tables.clusters.get(id);
  if (row?.desired !== 'UP') return undefined;
  startJobs(context, row);
  return watchIdle(context, id);
}

function beginJob({ state, ports }: ClusterContext, tx: Transaction, row: ClusterRow, job: JobRow): void {
  const now = ports.clock.wallMs();
  const isMine = (request: { job: string | null }): boolean => request.job === job.id;
  // Which of several choices it got is known only now.
  const demand = demandOf(job.task, row);
  const misfit = whyNoMatch(row, job.task.resources, job.task.numNodes);
  if (misfit !== null) {
    const error = errorFactOf(new DroverError('RESOURCES_MISMATCH', { ref: row.name, rule: misfit }));
    moveJob(tx, job, 'failDriver', now, { reason: reasonOf(error), error });
    return;
  }
  if (!needsPreparing(job)) {
    moveJob(tx, job, job.number === null ? 'succeed' : 'queue', now, { demand });
    return;
  }
  const setupInstances = startSetup(tx, ports, row, job);
  const words = job.prepares.setup && job.task.setup !== null ? 'Running setup' : 'Syncing files';
  say(
    state,
    tx,
    row.id,
    [
      { text: `${words} on ${row.nodes.length === 1 ? '1 node' : `${row.nodes.length} nodes`}.` },
      {
        instances: setupInstances.map((id, rank) => ({
          id,
          prefix: row.nodes.length === 1 ? '(setup) ' : `(setup, rank=${rank}) `,
        })),
      },
    ],
    isMine,
  );
  moveJob(tx, job, 'setUp', now, { demand, setupInstances });
}

/** UP when nothing is being prepared and the last that was went well. */
function settleStatus(context: ClusterContext, row: ClusterRow, preparing: JobRow | undefined): void {
  const { state, ports } = context;
  const now = ports.clock.wallMs();
  if (row.status === 'UP') {
    if (row.reason !== null) state.transact(SYSTEM, (tx) => patchCluster(tx, row, { reason: null }));
    return;
  }
  if (preparing) {
    if (row.reason?.code === 'SETTING_UP') return;
    const reason = { code: 'SETTING_UP', message: 'files are laid out and setup runs on its nodes' };
    state.transact(SYSTEM, (tx) => moveCluster(tx, row, 'begin', now, reason));
    return;
  }
  const last = state.tables.jobs.ownedBy(`clusters/${row.id}`).findLast((job) => job.prepares.mounts);
  const isFresh = last?.status === 'FAILED_SETUP' && (last.endedMs ?? 0) >= row.launchedMs;
  if (isFresh) {
    failBehind(context, row, last);
    if (row.reason?.code === 'SETUP_FAILED') return;
    const message = `${last.reason?.message ?? 'setup failed'}; its nodes are kept: "drover launch -c ${row.name}" tries again, "drover cluster down ${row.name}" removes it`;
    state.transact(SYSTEM, (tx) => moveCluster(tx, row, 'begin', now, { code: 'SETUP_FAILED', message }));
    return;
  }
  state.transact(SYSTEM, (tx) => {
    moveCluster(tx, row, 'ready', now, null, { idleSinceMs: row.idleSinceMs ?? now });
    say(state, tx, row.id, [{ text: `Cluster ${row.name} is UP.` }]);
  });
}

/** Whoever waits for this cluster to be UP is told that it will not be. What was queued before waits for the next try. */
function failBehind({ state, ports }: ClusterContext, row: ClusterRow, failed: JobRow): void {
  const owner = `clusters/${row.id}`;
  const requests = state.openRequests.of(owner);
  const behind = state.liveJobs
    .of(owner)
    .filter((job) => job.seq > failed.seq || requests.some((request) => request.job === job.id));
  const starts = requests.filter((request) => request.verb === 'start');
  if (behind.length === 0 && starts.length === 0) return;
  const now = ports.clock.wallMs();
  const rule = failed.reason?.message ?? 'its setup failed';
  const error = errorFactOf(new DroverError('CLUSTER_NOT_UP', { ref: row.name, status: row.status, rule }));
  state.transact(SYSTEM, (tx) => {
    for (const job of behind) moveJob(tx, job, 'failDriver', now, { reason: reasonOf(error), error });
    for (const request of starts) settleRequest(tx, request, 'fail', now, { error: failed.error ?? error });
  });
}

function startJobs(context: ClusterContext, row: ClusterRow): void {
  if (row.status !== 'UP') return;
  const { state, ports } = context;
  const starts = planStarts(state, row);
  if (starts.length === 0) return;
  const now = ports.clock.wallMs();
  state.transact(SYSTEM, (tx) => {
    for (const { job, nodes } of starts) {
      const runInstances = startRun(tx, ports, row, job, nodes);
      moveJob(tx, job, 'start', now, { nodes: nodes.map(({ rank }) => rank), runInstances });
    }
  });
}
