/** A cluster's handle, as each client reads it: a plain object, or the pickle of an object of its own classes. */
import type { ClusterView } from '@drover/core/wire';
import type { Dialect } from './dialect.ts';
import { type Picklable, PyObject, PyTuple, pickleBase64 } from './pickle.ts';
import { placeOf } from './places.ts';

/** None, for clients that unpickle whatever stands there. */
const NO_HANDLE = 'gAROLg==';
/** The shapes that 0.9.3 writes; it fills in what is missing of older ones. */
const HANDLE_VERSION = 10;
const RESOURCES_VERSION = 23;
const SSH_PORT = 22;

/** @param name what a cluster that is gone was called; its handle has nothing else */
export function handleOf(
  cluster: ClusterView | null,
  name: string,
  dialect: Dialect,
  known: readonly string[],
): unknown {
  if (dialect === 'old') return pickleBase64(pickledHandle(cluster, name));
  if (cluster === null) return { cluster_name: name, cluster_name_on_cloud: name };
  return {
    cluster_name: name,
    cluster_name_on_cloud: name,
    cluster_yaml: null,
    launched_nodes: cluster.numNodes,
    launched_resources: resourcesOf(cluster, known),
    stable_internal_external_ips: cluster.nodes.map(({ address }) => [address ?? '', address ?? '']),
    stable_ssh_ports: cluster.nodes.map(() => SSH_PORT),
    docker_user: null,
    is_grpc_enabled: false,
    ssh_user: null,
  };
}

export const noHandle = (dialect: Dialect): unknown => (dialect === 'old' ? NO_HANDLE : null);

/** A name for machines of which nothing is known any more: clients ask every name for its price. */
const NO_INSTANCE = '0CPU--0GB';
export const UNKNOWN_RESOURCES = { infra: 'ssh/unknown', instance_type: NO_INSTANCE };

/** Resources as the fields of a task file. Null: nothing is known of the machines yet. */
export function resourcesOf(
  cluster: Pick<ClusterView, 'infra' | 'perNode' | 'spot'>,
  known: readonly string[],
): object | null {
  const { infra, perNode, spot } = cluster;
  if (infra === null || perNode === null) return null;
  return {
    infra: placeOf(infra, known),
    // Prices are asked by it.
    instance_type: instanceName(perNode),
    cpus: plain(perNode.cpus),
    memory: plain(perNode.memoryMiB / 1024),
    ...(perNode.accelerator !== null && { accelerators: { [perNode.accelerator]: perNode.gpus } }),
    ...(spot && { use_spot: true }),
  };
}

/** `2`, `0.5`. */
export const plain = (value: number): string => String(Math.round(value * 100) / 100);

/** `2CPU--4GB--H100:1`: the only name of a machine that these clouds of the client know how to read. */
function instanceName({ cpus, memoryMiB, accelerator, gpus }: NonNullable<ClusterView['perNode']>): string {
  const size = `${plain(cpus)}CPU--${plain(memoryMiB / 1024)}GB`;
  return accelerator === null ? size : `${size}--${accelerator.replace(/[^\w-]/g, '_')}:${Math.ceil(gpus)}`;
}

function pickledHandle(cluster: ClusterView | null, name: string): Picklable {
  const { addresses, nodes, resources } = {
    addresses: cluster?.nodes.map(({ address }) => address ?? '') ?? [],
    nodes: cluster?.numNodes ?? 1,
    resources: cluster === null ? null : pickledResources(cluster),
  };
  return new PyObject('sky.backends.cloud_vm_ray_backend', 'CloudVmRayResourceHandle', {
    _version: HANDLE_VERSION,
    cluster_name: name,
    cluster_name_on_cloud: name,
    _cluster_yaml: null,
    launched_nodes: nodes,
    launched_resources: resources,
    stable_internal_external_ips: addresses.map((address) => new PyTuple([address, address])),
    stable_ssh_ports: addresses.map(() => SSH_PORT),
    cached_cluster_info: null,
    docker_user: null,
    is_grpc_enabled: false,
  });
}

/** The older client prints the machines by what `Resources` says of itself, so there is always one. */
export function pickledResources(
  cluster: Pick<ClusterView, 'infra' | 'perNode' | 'spot' | 'instanceType'>,
): Picklable {
  const { perNode, spot, infra, instanceType } = cluster;
  const accelerator = perNode?.accelerator ?? null;
  const gpus = accelerator === null ? '' : `, {'${accelerator}': ${perNode?.gpus}}`;
  return new PyObject('sky.resources', 'Resources', {
    _version: RESOURCES_VERSION,
    _cloud: new PyObject('sky.clouds.kubernetes', 'Kubernetes', null),
    _region: infra?.split('/').at(-1) ?? null,
    _zone: null,
    _instance_type: perNode === null ? NO_INSTANCE : instanceName(perNode),
    _use_spot_specified: spot,
    _use_spot: spot,
    _job_recovery: null,
    _disk_size: 256,
    _image_id: null,
    _is_image_managed: null,
    _disk_tier: null,
    _ports: null,
    _labels: null,
    _docker_login_config: null,
    _docker_username_for_runpod: null,
    _requires_fuse: null,
    _cluster_config_overrides: null,
    _cached_repr: `${infra ?? '-'}(${instanceType ?? '-'}${gpus})`,
    _cpus: perNode === null ? null : plain(perNode.cpus),
    _memory: perNode === null ? null : plain(perNode.memoryMiB / 1024),
    _accelerators: accelerator === null ? null : { [accelerator]: perNode?.gpus ?? 0 },
    _accelerator_args: null,
    _autostop_config: null,
  });
}
