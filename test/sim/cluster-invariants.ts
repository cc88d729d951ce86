/**
 * What must hold of clusters in every simulated life. Each says what is wrong, or null. The first is asked after every
 * event and looks at the machines; the others when all is calm.
 */
import { isFinal, isJobFinal, isRequestFinal } from '@drover/core';
import type { ClusterRow } from '@drover/engine';
import type { SimHerd } from '@drover/testkit';

export interface ClusterBooks {
  /** Requests that were acknowledged: none of these may be lost. */
  readonly accepted: Set<string>;
  /** The instance that stands for one rank of one job. */
  readonly ranks: Map<string, string>;
  /** Starts of each worker that were looked at. */
  readonly counted: Map<string, number>;
}

/** No rank of a job starts twice; GPUs in use at once are distinct; nodes are on distinct workers. */
export function brokenNow(herd: SimHerd, books: ClusterBooks): string | null {
  return startedTwice(herd, books) ?? sharedGpus(herd) ?? sharedWorkers(herd);
}

function startedTwice({ workers }: SimHerd, { ranks, counted }: ClusterBooks): string | null {
  for (const { id, disk } of workers) {
    for (let at = counted.get(id) ?? 0; at < disk.starts.length; at += 1) {
      const start = disk.starts[at] ?? '';
      const order = disk.processes.get(start)?.order;
      const taskId = order?.context?.['DROVER_TASK_ID'];
      const role = order?.context?.['DROVER_SETUP_NODE_RANK'] === undefined ? 'run' : 'setup';
      // What only prepares has no number; two of one instant share its id.
      const key =
        taskId === undefined || taskId.endsWith('_0')
          ? start
          : `${taskId} ${role} ${order?.context?.['DROVER_NODE_RANK']}`;
      const before = ranks.get(key);
      if (before !== undefined) return `started twice: ${key} as ${before} and ${start}`;
      ranks.set(key, start);
    }
    counted.set(id, disk.starts.length);
  }
  return null;
}

function sharedGpus({ workers }: SimHerd): string | null {
  for (const { id, disk } of workers) {
    const used = new Map<number, string>();
    for (const [tag, { order, startedAtMs, exit }] of disk.processes) {
      if (startedAtMs === null || exit || order.context?.['DROVER_SETUP_NODE_RANK'] !== undefined) continue;
      for (const index of order.gpuIndices ?? []) {
        const other = used.get(index);
        if (other !== undefined) return `GPU ${index} of ${id} is used by ${other} and ${tag}`;
        used.set(index, tag);
      }
    }
  }
  return null;
}

function sharedWorkers({ engine }: SimHerd): string | null {
  for (const row of engine?.state.tables.clusters.all() ?? []) {
    const workers = row.nodes.flatMap(({ workerId }) => (workerId === null ? [] : [workerId]));
    if (new Set(workers).size < workers.length) return `two nodes of ${row.name} are on one worker`;
    if (row.nodes.length > 0 && row.nodes.length !== row.numNodes)
      return `${row.name} has ${row.nodes.length} nodes of ${row.numNodes}`;
  }
  return null;
}

/** What has not come to rest, or rests as it must not. */
export function unsettled(herd: SimHerd, { accepted }: ClusterBooks): string | null {
  const { engine } = herd;
  if (!engine) return 'no head';
  const { tables, liveJobs } = engine.state;
  for (const id of accepted) if (!tables.requests.get(id)) return `request ${id} is lost`;
  for (const row of tables.requests.all())
    if (!isRequestFinal(row.status) && !waitsInLine(herd, row.owner))
      return `request ${row.verb} ${row.cluster} ${row.id} is ${row.status}`;
  for (const row of tables.jobs.all()) {
    const cluster = tables.clusters.get(row.owner?.slice('clusters/'.length) ?? '');
    if (!isJobFinal(row.status) && !waitsInLine(herd, row.owner))
      return `job ${row.number} of ${cluster?.name} (${cluster?.status}, ${cluster?.reason?.message}) is ${row.status}`;
  }
  for (const row of tables.clusters.all()) {
    const problem = unfit(herd, row, liveJobs.of(`clusters/${row.id}`).length > 0);
    if (problem !== null) return `${row.name} (${row.status}, wanted ${row.desired}): ${problem}`;
  }
  return outOfOrder(herd) ?? strayHomes(herd) ?? strayReservations(herd);
}

/** Somebody else has what it wants, and it was told to wait; or its queue waits for a setup that goes well. */
function waitsInLine({ engine }: SimHerd, owner: string | null): boolean {
  const cluster = engine?.state.tables.clusters.get(owner?.slice('clusters/'.length) ?? '');
  const code = cluster?.reason?.code;
  return (
    ((code === 'WAITING_FOR_NODES' || code === 'RETRYING') && cluster?.retryUntilUp === true) ||
    (code === 'SETUP_FAILED' && cluster?.everUp === true)
  );
}

function unfit({ engine }: SimHerd, row: ClusterRow, isBusy: boolean): string | null {
  const tables = engine?.state.tables;
  if (!tables) return null;
  const held = tables.reservations.ownedBy(`clusters/${row.id}`);
  if (row.status === 'UP') {
    const isHeld = row.nodes.every((node) =>
      held.some(({ id, status }) => id === node.reservation && status === 'HELD'),
    );
    if (!isHeld || row.nodes.length === 0) return 'not all its nodes are held';
    if (row.autostop?.waitFor !== 'none' && isBusy !== (row.idleSinceMs === null))
      return `idle since ${row.idleSinceMs}, busy: ${isBusy}`;
    return null;
  }
  if (row.status === 'INIT') return row.reason === null ? 'it does not say why' : null;
  if (held.length > 0) return `it holds ${held.length} reservations`;
  const live = tables.jobs
    .ownedBy(`clusters/${row.id}`)
    .flatMap((job) => tables.instances.ownedBy(`jobs/${job.id}`))
    .filter((each) => !isFinal(each.status) || !each.released);
  return live.length > 0 ? `${live.length} instances are live` : null;
}

/** Numbers are unique and count up; of jobs that need the same, none went before an older one. */
function outOfOrder({ engine }: SimHerd): string | null {
  const tables = engine?.state.tables;
  for (const cluster of tables?.clusters.all() ?? []) {
    const jobs = (tables?.jobs.ownedBy(`clusters/${cluster.id}`) ?? []).filter(
      ({ number }) => number !== null,
    );
    jobs.sort((a, b) => a.seq - b.seq);
    const latest = new Map<string, number>();
    for (const [at, job] of jobs.entries()) {
      if (job.number !== at + 1) return `job ${job.number} of ${cluster.name} ought to be ${at + 1}`;
      if (job.startedMs === null) continue;
      const kind = `${job.task.numNodes} ${job.demand.gpus}`;
      if (job.startedMs < (latest.get(kind) ?? 0))
        return `job ${job.number} of ${cluster.name} jumped the queue`;
      latest.set(kind, job.startedMs);
    }
  }
  return null;
}

function strayHomes({ engine, workers }: SimHerd): string | null {
  for (const worker of workers) {
    if (worker.isRetired || !engine?.state.tables.workers.get(worker.id)) continue;
    for (const home of worker.disk.homes) {
      const cluster = engine.state.tables.clusters.get(home.replace(/-\d+$/, ''));
      if (!cluster || cluster.status === 'TERMINATED')
        return `home ${home} of no cluster (${cluster?.name}, ${cluster?.status}, ${cluster?.numNodes} nodes) on ${worker.id}`;
    }
  }
  return null;
}

function strayReservations({ engine }: SimHerd): string | null {
  for (const { owner, leftBy } of engine?.state.tables.reservations.all() ?? []) {
    const cluster = engine?.state.tables.clusters.get(owner?.replace('clusters/', '') ?? '');
    if (!cluster || cluster.status === 'TERMINATED' || cluster.status === 'STOPPED')
      return `a reservation of ${owner} ${JSON.stringify(leftBy)} is left`;
  }
  return null;
}

/** What is left when every cluster was torn down. */
export function leftAfterDown(herd: SimHerd): string | null {
  const { engine, workers } = herd;
  if (!engine) return 'no head';
  for (const row of engine.state.tables.clusters.all())
    if (row.status !== 'TERMINATED') return `${row.name} is ${row.status}: ${row.reason?.message}`;
  for (const row of engine.state.tables.instances.all())
    if (!isFinal(row.status) || !row.released)
      return `instance ${row.id} ${row.spec.node?.role} is ${row.status}`;
  const left = engine.state.tables.reservations.size;
  if (left > 0) return `${left} reservations are left`;
  for (const worker of workers) {
    if (!worker.isRetired && worker.disk.processes.size > 0) return `processes are left on ${worker.id}`;
  }
  return strayHomes(herd);
}
