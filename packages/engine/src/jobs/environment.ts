/** The variables that Drover gives to setup and run. Names of the SKYPILOT_ family: specs of its task files. */
import { isoStamp } from '@drover/core';
import type { ClusterRow } from '../clusters/row.ts';
import type { JobRow } from './row.ts';

/** `sky-2026-01-31-08-15-30-123456_train_1`: stable for the life of a job, and unlike that of any other. */
export function taskIdOf(cluster: string, number: number | null, nowMs: number): string {
  const stamp = isoStamp(nowMs).replace(/[:T.]/g, '-').replace('Z', '000');
  return `sky-${stamp}_${cluster}_${number ?? 0}`;
}

/** One address a line, by rank. */
const linesOf = (addresses: readonly (string | null)[]): string =>
  addresses.map((address) => address ?? '').join('\n');

/** @param nodes ranks of the cluster's nodes, in the order of the job's own ranks */
function shared(cluster: ClusterRow, job: JobRow, gpus: number): Record<string, string> {
  const { candidate } = cluster;
  const machine = candidate?.machine;
  const info = {
    cluster_name: cluster.name,
    cloud: machine?.infra ?? null,
    region: machine?.region ?? null,
    zone: machine?.zone ?? null,
  };
  const both = {
    TASK_ID: job.taskId,
    CLUSTER_INFO: JSON.stringify(info),
    USER: job.user.name,
    NUM_GPUS_PER_NODE: String(Math.ceil(gpus)),
  };
  return { ...prefixed(both), DROVER_CLUSTER_NAME: cluster.name };
}

function prefixed(values: Readonly<Record<string, string>>): Record<string, string> {
  const all: Record<string, string> = {};
  for (const prefix of ['DROVER_', 'SKYPILOT_'])
    for (const [key, value] of Object.entries(values)) all[prefix + key] = value;
  return all;
}

/** @param rank of the node in its cluster */
export function setupContext(cluster: ClusterRow, job: JobRow, rank: number): Record<string, string> {
  const gpus = cluster.candidate?.perNode.gpus ?? 0;
  const ips = linesOf(cluster.nodes.map((node) => node.address));
  const count = String(cluster.nodes.length);
  return {
    ...shared(cluster, job, gpus),
    ...prefixed({
      SETUP_NODE_RANK: String(rank),
      SETUP_NODE_IPS: ips,
      SETUP_NUM_GPUS_PER_NODE: String(Math.ceil(gpus)),
      NODE_RANK: String(rank),
      NODE_IPS: ips,
      NUM_NODES: count,
    }),
  };
}

/** @param rank within the job, which may be on fewer nodes than its cluster has */
export function runContext(cluster: ClusterRow, job: JobRow, rank: number): Record<string, string> {
  const addresses = job.nodes.map((node) => cluster.nodes[node]?.address ?? null);
  return {
    ...shared(cluster, job, job.demand.gpus),
    ...prefixed({
      NODE_RANK: String(rank),
      NODE_IPS: linesOf(addresses),
      NUM_NODES: String(job.nodes.length),
    }),
    DROVER_JOB_ID: String(job.number ?? ''),
    SKYPILOT_INTERNAL_JOB_ID: String(job.number ?? ''),
  };
}
