/** The records of the seed, key for key, and the handle of a cluster. */
import type { ClusterJobView, ClusterView, RequestView } from '@drover/core/wire';
import type { ClusterStatus, JobStatus } from './enums.ts';

/** One node of a cluster. */
export interface NodeHandle {
  readonly rank: number;
  /** Where the other nodes reach it; null while it has no worker. */
  readonly address: string | null;
  readonly workerId: string | null;
  /** ONLINE, SUSPECT, OFFLINE, or what else is known of it. */
  readonly status: string;
}

/** What is known of a cluster and its nodes, as of the call that gave it. A cluster that is gone has no nodes. */
export interface ClusterHandle {
  readonly clusterName: string;
  /** Such as `pool/default`; null while none is chosen. */
  readonly infra: string | null;
  readonly region: string | null;
  readonly zone: string | null;
  readonly instanceType: string | null;
  readonly launchedNodes: number;
  readonly nodes: readonly NodeHandle[];
  /** Of the nodes that have one, in the order of their ranks. */
  readonly addresses: readonly string[];
  readonly headIp: string | null;
}

/** One cluster, as `status` gives it. Times are seconds since 1970, `autostop` minutes, -1: none. */
export interface ClusterRecord {
  name: string;
  launched_at: number;
  handle: ClusterHandle;
  last_use: string;
  status: ClusterStatus;
  autostop: number;
  to_down: boolean;
  metadata: { id: string; reason: { code: string; message: string } | null; labels: Record<string, string> };
  user_hash: string;
  user_name: string;
  resources_str: string;
}

/** One job, as `queue` gives it. Times are seconds since 1970; null: not yet. */
export interface JobRecord {
  job_id: number;
  job_name: string | null;
  username: string;
  user_hash: string;
  submitted_at: number;
  start_at: number | null;
  end_at: number | null;
  resources: string;
  status: JobStatus;
  /** What `streamAndGet(null, { logPath })` takes. */
  log_path: string;
}

/** One request, as `apiStatus` gives it. */
export interface RequestRecord {
  request_id: string;
  name: string;
  user_id: string;
  user_name: string;
  cluster_name: string | null;
  created_at: number;
  status: RequestView['status'];
}

const seconds = (stamp: string): number => Date.parse(stamp) / 1000;
const wholeSeconds = (stamp: string): number => Math.floor(seconds(stamp));

export function viewHandle(view: ClusterView): ClusterHandle {
  const nodes = [...view.nodes]
    .sort((a, b) => a.rank - b.rank)
    .map(({ rank, address, workerId, status }) => ({ rank, address, workerId, status }));
  const addresses = nodes.flatMap(({ address }) => address ?? []);
  return {
    clusterName: view.name,
    infra: view.infra,
    region: view.region,
    zone: view.zone,
    instanceType: view.instanceType,
    launchedNodes: view.numNodes,
    nodes,
    addresses,
    headIp: addresses[0] ?? null,
  };
}

/** The handle of a cluster of which only the name is left. */
export const goneHandle = (clusterName: string): ClusterHandle => ({
  clusterName,
  infra: null,
  region: null,
  zone: null,
  instanceType: null,
  launchedNodes: 0,
  nodes: [],
  addresses: [],
  headIp: null,
});

/** Null for one that is gone: it is left out. */
export function viewCluster(view: ClusterView): ClusterRecord | null {
  if (view.status === 'TERMINATED') return null;
  return {
    name: view.name,
    launched_at: wholeSeconds(view.launchedAt),
    handle: viewHandle(view),
    last_use: view.lastUse,
    status: view.status,
    autostop: view.autostop?.idleMinutes ?? -1,
    to_down: view.autostop?.down ?? false,
    metadata: { id: view.id, reason: view.reason, labels: { ...view.labels } },
    user_hash: view.user.id,
    user_name: view.user.name,
    resources_str: view.resources,
  };
}

/** Null for one that only prepares: it is in no queue. */
export function viewJob(view: ClusterJobView): JobRecord | null {
  if (view.jobId === null) return null;
  return {
    job_id: view.jobId,
    job_name: view.name,
    username: view.user.name,
    user_hash: view.user.id,
    submitted_at: wholeSeconds(view.submittedAt),
    start_at: view.startedAt === null ? null : wholeSeconds(view.startedAt),
    end_at: view.endedAt === null ? null : wholeSeconds(view.endedAt),
    resources: view.resources,
    status: view.status,
    log_path: `/v1/clusters/${view.cluster}/jobs/${view.jobId}/log`,
  };
}

export const viewRequest = (view: RequestView): RequestRecord => ({
  request_id: view.id,
  name: view.name,
  user_id: view.user.id,
  user_name: view.user.name,
  cluster_name: view.cluster,
  created_at: seconds(view.createdAt),
  status: view.status,
});
