/** Clusters and jobs as the records of the clients. Times are whole seconds of the Unix clock there. */
import type { ClusterJobView, ClusterView, CostView } from '@drover/core/wire';
import type { Dialect } from './dialect.ts';
import { handleOf, noHandle, pickledResources, plain, resourcesOf, UNKNOWN_RESOURCES } from './handle.ts';
import { pickleBase64 } from './pickle.ts';
import { placeOf } from './places.ts';

const NO_AUTOSTOP = -1;
/** An empty dict, pickled: what older clients read without looking. */
const EMPTY_PICKLED = 'gAROLg==';

const seconds = (stamp: string): number => Math.floor(Date.parse(stamp) / 1000);
const secondsOrNull = (stamp: string | null): number | null =>
  stamp === null ? null : Date.parse(stamp) / 1000;

export function viewRecord(
  view: ClusterView,
  known: readonly string[],
  { dialect, withHandle }: { readonly dialect: Dialect; readonly withHandle: boolean },
): object {
  const { name, autostop, perNode, infra } = view;
  const place = infra === null ? null : placeOf(infra, known);
  return {
    name,
    launched_at: seconds(view.launchedAt),
    handle: withHandle ? handleOf(view, name, dialect, known) : noHandle(dialect),
    last_use: view.lastUse,
    status: view.status,
    // The clients count whole minutes.
    autostop: autostop === null ? NO_AUTOSTOP : Math.ceil(autostop.idleMinutes),
    to_down: autostop?.down ?? false,
    owner: null,
    metadata: {},
    cluster_hash: view.id,
    cluster_ever_up: view.everUp,
    status_updated_at: seconds(view.since),
    user_hash: view.user.id,
    user_name: view.user.name,
    config_hash: null,
    workspace: view.project,
    nodes: view.numNodes,
    resources_str: shownResources(view),
    resources_str_full: shownResources(view),
    cloud: place === null ? null : 'SSH',
    region: place?.slice('ssh/'.length) ?? null,
    cpus: perNode === null ? null : plain(perNode.cpus),
    memory: perNode === null ? null : plain(perNode.memoryMiB / 1024),
    accelerators: perNode?.accelerator ? `{'${perNode.accelerator}': ${perNode.gpus}}` : null,
    labels: view.labels,
    last_event: view.reason?.message ?? null,
    ...(dialect === 'old' && { storage_mounts_metadata: EMPTY_PICKLED }),
    ...(dialect === 'now' && {
      credentials: null,
      is_managed: false,
      init_status_reason: view.status === 'INIT' ? (view.reason?.message ?? null) : null,
    }),
  };
}

/** `2x (cpus=2, mem=4, H100:1)`; without what is not known yet. */
function shownResources({ numNodes, perNode, spot }: ClusterView): string {
  if (perNode === null) return `${numNodes}x`;
  const gpus = perNode.accelerator === null ? [] : [`${perNode.accelerator}:${plain(perNode.gpus)}`];
  const parts = [...gpus, `cpus=${plain(perNode.cpus)}`, `mem=${plain(perNode.memoryMiB / 1024)}`];
  return `${numNodes}x (${parts.join(', ')})${spot ? '[spot]' : ''}`;
}

export const viewJob = (job: ClusterJobView): object => ({
  job_id: job.jobId,
  job_name: job.name ?? '-',
  username: job.user.name,
  user_hash: job.user.id,
  submitted_at: secondsOrNull(job.submittedAt),
  start_at: secondsOrNull(job.startedAt),
  end_at: secondsOrNull(job.endedAt),
  resources: job.resources,
  status: job.status,
  log_path: `~/sky_logs/${job.taskId}`,
  metadata: {},
  links: {},
});

/** @param cluster what it is, or was */
export function viewCost(
  cluster: ClusterView,
  cost: CostView,
  known: readonly string[],
  dialect: Dialect,
): object {
  return {
    name: cost.name,
    launched_at: seconds(cost.launchedAt),
    duration: Math.round(cost.durationS),
    last_use: cluster.lastUse,
    num_nodes: cost.numNodes,
    resources:
      dialect === 'old'
        ? pickleBase64(pickledResources(cluster))
        : (resourcesOf(cluster, known) ?? UNKNOWN_RESOURCES),
    resources_str: shownResources(cluster),
    resources_str_full: shownResources(cluster),
    cluster_hash: cluster.id,
    usage_intervals: null,
    status: cost.status === 'TERMINATED' ? null : cost.status,
    total_cost: cost.cost,
    cost_per_hour: cost.pricePerHour,
    user_hash: cost.user.id,
    user_name: cost.user.name,
    workspace: cluster.project,
  };
}
