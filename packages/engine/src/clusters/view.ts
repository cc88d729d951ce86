/** The wire forms of clusters and their jobs. Only these make them. */
import { isoStamp } from '@drover/core';
import type { ClusterJobView, ClusterView, CostView } from '@drover/core/wire';
import type { Candidate } from '../infra/candidate.ts';
import { whyWaiting } from '../jobs/queue.ts';
import type { JobRow } from '../jobs/row.ts';
import type { Scheduler } from '../scheduler/scheduler.ts';
import type { State } from '../state/state.ts';
import { autostopAtMs } from './autostop.ts';
import { standOf } from './nodes.ts';
import type { ClusterRow } from './row.ts';

const stamp = (ms: number | null): string | null => (ms === null ? null : isoStamp(ms));

const gib = (mib: number): string => `${Math.round((mib / 1024) * 10) / 10} GiB`;

/** `2x pool/default (2 CPU, 4 GiB, H100:1)`. */
export function resourcesText(numNodes: number, candidate: Candidate | null): string {
  if (candidate === null) return `${numNodes}x`;
  const { perNode, machine, spot } = candidate;
  const where = [machine.infra, machine.region, machine.zone].filter(Boolean).join('/');
  const parts = [`${perNode.cpus} CPU`, gib(perNode.memoryMiB)];
  if (perNode.accelerator !== null) parts.push(`${perNode.accelerator}:${perNode.gpus}`);
  return `${numNodes}x ${where} (${parts.join(', ')})${spot ? ' [spot]' : ''}`;
}

/** @param summarise why a reservation waits; of many clusters, made once */
export function viewCluster(
  state: State,
  summarise: ReturnType<Scheduler['summariser']>,
  row: ClusterRow,
): ClusterView {
  const { candidate } = row;
  const machine = candidate?.machine ?? null;
  const waiting = row.desired === 'UP' ? standOf(state, row).waiting[0] : undefined;
  const why = waiting ? summarise(waiting) : null;
  const reason =
    row.reason && why ? { ...row.reason, message: `${row.reason.message}: ${why.message}` } : row.reason;
  return {
    id: row.id,
    name: row.name,
    project: row.project,
    status: row.status,
    reason,
    since: isoStamp(row.sinceMs),
    user: row.user,
    infra: machine?.infra ?? null,
    region: machine?.region ?? null,
    zone: machine?.zone ?? null,
    instanceType: machine?.type ?? null,
    spot: candidate?.spot ?? false,
    resources: resourcesText(row.numNodes, candidate),
    perNode: candidate ? { ...candidate.perNode } : null,
    pricePerHour: candidate?.pricePerHour ?? 0,
    numNodes: row.numNodes,
    nodes: row.nodes.map((node) => ({
      rank: node.rank,
      workerId: node.workerId,
      address: node.address,
      machine: node.machine,
      status: state.tables.workers.get(node.workerId ?? '')?.status ?? 'NONE',
      gpus: node.gpuIndices.length,
    })),
    autostop: row.autostop,
    autostopAt: stamp(autostopAtMs(row)),
    labels: { ...candidate?.resources.labels },
    ports: [...(candidate?.resources.ports ?? [])],
    launchedAt: isoStamp(row.launchedMs),
    lastUse: row.lastUse,
    everUp: row.everUp,
    rev: row.rev,
  };
}

/** @param before how many jobs wait before it, when it waits */
export function viewClusterJob(cluster: ClusterRow, row: JobRow, before: number): ClusterJobView {
  const waits = row.status === 'PENDING' ? { code: 'WAITING', message: whyWaiting(row, before) } : null;
  const ending = row.cancel && row.endedMs === null ? row.reason : null;
  return {
    id: row.id,
    jobId: row.number,
    name: row.name,
    cluster: cluster.name,
    user: row.user,
    status: row.status,
    reason: row.endedMs !== null ? row.reason : (ending ?? waits),
    resources: jobResources(cluster, row),
    submittedAt: isoStamp(row.submittedMs),
    startedAt: stamp(row.startedMs),
    endedAt: stamp(row.endedMs),
    exitCode: row.exitCode,
    nodes: [...row.nodes],
    taskId: row.taskId,
    instances: [...row.setupInstances, ...row.runInstances],
  };
}

/** `1x[CPU:0.5]`, `2x[H100:4]`: what it takes of its nodes. */
export function jobResources(cluster: ClusterRow, row: JobRow): string {
  const gpus = row.demand.gpus;
  const name = cluster.candidate?.perNode.accelerator ?? 'GPU';
  const each = gpus > 0 ? `${name}:${gpus}` : `CPU:${row.demand.cpu}`;
  return `${Math.min(row.task.numNodes, cluster.numNodes)}x[${each}]`;
}

/** What it has cost so far, or in all. */
export function viewCost(row: ClusterRow, nowMs: number): CostView {
  let durationMs = 0;
  let cost = 0;
  for (const { fromMs, toMs, pricePerHour } of row.usage) {
    const heldMs = Math.max(0, (toMs ?? nowMs) - fromMs);
    durationMs += heldMs;
    cost += (heldMs / 3_600_000) * pricePerHour;
  }
  return {
    name: row.name,
    status: row.status,
    user: row.user,
    resources: resourcesText(row.numNodes, row.candidate),
    numNodes: row.numNodes,
    launchedAt: isoStamp(row.launchedMs),
    durationS: Math.round(durationMs / 1000),
    pricePerHour: row.usage.at(-1)?.pricePerHour ?? 0,
    cost: Math.round(cost * 10_000) / 10_000,
  };
}
