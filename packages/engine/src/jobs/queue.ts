/**
 * The queue of one cluster: first in, first out by what each job needs of the nodes. A job may go before an older one
 * only where it cannot delay it: the same pass that places instances on workers decides it.
 */
import type { ResourcesSpec, TaskSpec } from '@drover/core/wire';
import { whyNoMatch } from '../clusters/match.ts';
import type { ClusterRow } from '../clusters/row.ts';
import { Ledger } from '../scheduler/ledger.ts';
import { runPass } from '../scheduler/pass.ts';
import type { Demand, Unit } from '../scheduler/types.ts';
import type { State } from '../state/state.ts';
import type { JobDemand, JobRow } from './row.ts';

/** What a job takes of each node's CPUs when it asks for no GPU share. Source: SkyPilot's default for a job. */
const JOB_CPUS = 0.5;
const PLENTY = 2 ** 40;
/** Jobs started in one pass; the rest in the next. */
const PASS_JOBS = 200;
/** So many of the oldest are looked at: what is further back waits for its turn. */
const LOOK_AHEAD = 200;

/** What a job of this task needs on each of its nodes: of several choices, what the one asks that the cluster satisfies. */
export function demandOf(task: TaskSpec, cluster?: Pick<ClusterRow, 'candidate' | 'numNodes'>): JobDemand {
  const { mode = 'any_of', choices = [] } = task.resources ?? {};
  const fits = (choice: ResourcesSpec): boolean =>
    cluster !== undefined && whyNoMatch(cluster, { mode, choices: [choice] }, 1) === null;
  const asked = choices.find(fits) ?? choices[0];
  return { cpu: JOB_CPUS, gpus: asked?.accelerators?.count ?? 0 };
}

export interface JobStart {
  readonly job: JobRow;
  /** By rank of the job: the node, and the GPUs that it gets there. */
  readonly nodes: readonly { readonly rank: number; readonly gpuIndices: readonly number[] }[];
}

/** @returns which of the waiting jobs start now, and where */
export function planStarts(state: State, cluster: ClusterRow): JobStart[] {
  const jobs = state.liveJobs.of(`clusters/${cluster.id}`);
  const waiting = jobs.filter((job) => job.status === 'PENDING').slice(0, LOOK_AHEAD);
  if (waiting.length === 0) return [];
  const ledger = new Ledger();
  for (const node of cluster.nodes)
    ledger.setCapacity({
      worker: String(node.rank),
      host: String(node.rank),
      status: 'ONLINE',
      total: { ...nodeTotal(cluster), gpus: node.gpuIndices.length },
      gpuIndices: node.gpuIndices,
      place: '',
      type: '',
      homes: true,
      paused: null,
    });
  for (const job of jobs) if (job.status === 'RUNNING') hold(state, ledger, cluster, job);
  const byId = new Map<string, JobRow>();
  for (const job of waiting) {
    byId.set(job.id, job);
    ledger.enqueue(unitOf(cluster, job));
  }
  const starts = new Map<string, { rank: number; gpuIndices: readonly number[] }[]>();
  for (const { reservation, worker, gpuIndices } of runPass(ledger, PASS_JOBS)) {
    const id = reservation.slice(0, reservation.indexOf('#'));
    const nodes = starts.get(id) ?? [];
    nodes.push({ rank: Number(worker), gpuIndices });
    starts.set(id, nodes);
  }
  return [...starts].map(([id, nodes]) => ({
    job: byId.get(id) as JobRow,
    nodes: nodes.sort((a, b) => a.rank - b.rank),
  }));
}

const nodeTotal = (cluster: ClusterRow) => ({
  cpu: Math.max(cluster.candidate?.perNode.cpus ?? 0, JOB_CPUS),
  memoryMiB: PLENTY,
  diskMiB: PLENTY,
  ports: PLENTY,
});

function unitOf(cluster: ClusterRow, job: JobRow): Unit {
  const demands: Demand[] = [];
  for (let rank = 0; rank < Math.min(job.task.numNodes, cluster.nodes.length); rank += 1)
    demands.push(demandAt(job, rank));
  const priority = job.task.resources?.choices[0]?.priority ?? 0;
  return { id: job.id, priority, seq: job.seq, demands };
}

const demandAt = (job: JobRow, rank: number): Demand => ({
  reservation: `${job.id}#${rank}`,
  resources: { cpu: job.demand.cpu, memoryMiB: 0, diskMiB: 0, gpus: Math.ceil(job.demand.gpus), ports: 0 },
  gpuIndices: null,
  exclusive: true,
  targetWorker: null,
  place: '',
  types: null,
  isNode: true,
});

function hold(state: State, ledger: Ledger, cluster: ClusterRow, job: JobRow): void {
  const used = new Map<number, readonly number[]>();
  for (const id of job.runInstances) {
    const node = state.tables.instances.get(id);
    if (node?.spec.node) used.set(node.spec.node.rank, node.spec.gpuIndices ?? []);
  }
  job.nodes.forEach((rank, at) => {
    if (!cluster.nodes[rank]) return;
    const gpuIndices = used.get(rank) ?? [];
    const demand = demandAt(job, at);
    ledger.hold(String(rank), { demand, priority: 0, seq: job.seq, gpuIndices });
  });
}

/** How many wait before each job that waits, by its id. */
export function queuePlaces(state: State, cluster: ClusterRow): Map<string, number> {
  const places = new Map<string, number>();
  for (const job of state.liveJobs.of(`clusters/${cluster.id}`))
    if (job.status === 'PENDING') places.set(job.id, places.size);
  return places;
}

/** Why a job that waits behind `before` others does so, in words. */
export function whyWaiting(job: JobRow, before: number): string {
  const gpus = Math.ceil(job.demand.gpus);
  const need = gpus > 0 ? `${gpus} free GPUs` : `${job.demand.cpu} free CPUs`;
  const nodes = job.task.numNodes > 1 ? ` on each of ${job.task.numNodes} nodes` : '';
  return `waits for ${need}${nodes}${before > 0 ? `; ${before} before it` : ''}`;
}
