/** The instances of a job: those that prepare the nodes, and those that run it. */
import type { WorkerId } from '@drover/core';
import type { ClusterNode, ClusterRow } from '../clusters/row.ts';
import { startOnNode } from '../instances/on-node.ts';
import type { Ports } from '../ports.ts';
import type { Transaction } from '../state/transaction.ts';
import { runContext, setupContext } from './environment.ts';
import type { JobRow } from './row.ts';

/** The key of a node's home on its worker. */
export const homeOf = (cluster: Pick<ClusterRow, 'id'>, rank: number): string => `${cluster.id}-${rank}`;

/** Where the working directory of a task is laid out. */
export const WORKDIR_TARGET = '~/workdir';

/** What is laid out on each node before setup, or before an `exec`. */
export function filesOf(job: JobRow): { tree: string; target: string }[] {
  const { workdir, fileMounts } = job.task;
  const files = job.prepares.mounts ? fileMounts.map(({ tree, target }) => ({ tree, target })) : [];
  if (job.prepares.workdir && workdir !== null) files.unshift({ tree: workdir, target: WORKDIR_TARGET });
  return files;
}

/** Whether there is anything to do on the nodes before it may queue. */
export const needsPreparing = (job: JobRow): boolean =>
  (job.prepares.setup && job.task.setup !== null) || filesOf(job).length > 0;

/** Lays out the files and runs setup on every node. @returns the instances by rank */
export function startSetup(tx: Transaction, ports: Ports, cluster: ClusterRow, job: JobRow): string[] {
  const command = job.prepares.setup && job.task.setup !== null ? job.task.setup : ':';
  return cluster.nodes.map(
    (node) =>
      start(tx, ports, cluster, job, node, {
        role: 'setup',
        command,
        gpuIndices: node.gpuIndices,
        files: filesOf(job),
        context: setupContext(cluster, job, node.rank),
      }).id,
  );
}

/** Starts it on the nodes that it was given, all in one transaction. @returns its instances by rank */
export function startRun(
  tx: Transaction,
  ports: Ports,
  cluster: ClusterRow,
  job: JobRow,
  nodes: readonly { readonly rank: number; readonly gpuIndices: readonly number[] }[],
): string[] {
  const placed = { ...job, nodes: nodes.map(({ rank }) => rank) };
  const ids: string[] = [];
  nodes.forEach(({ rank, gpuIndices }, at) => {
    const node = cluster.nodes[rank] as ClusterNode;
    const { run } = job.task;
    const command = typeof run === 'string' ? run : (run?.[at] ?? null);
    if (command === null) return;
    const context = runContext(cluster, placed, at);
    ids.push(
      start(tx, ports, cluster, job, node, { role: 'run', command, gpuIndices, files: [], context }).id,
    );
  });
  return ids;
}

interface Part {
  readonly role: 'setup' | 'run';
  readonly command: string;
  readonly gpuIndices: readonly number[];
  readonly files: readonly { readonly tree: string; readonly target: string }[];
  readonly context: Readonly<Record<string, string>>;
}

function start(
  tx: Transaction,
  ports: Ports,
  cluster: ClusterRow,
  job: JobRow,
  node: ClusterNode,
  part: Part,
) {
  const perNode = cluster.candidate?.perNode;
  // A limit that nobody asked for is not enforced: the smallest share would end what fits its machine.
  const isAsked = cluster.candidate?.resources.memoryGiB != null;
  return startOnNode(tx, ports, {
    owner: `jobs/${job.id}`,
    project: job.project,
    by: job.user.name,
    origin: job.origin,
    workerId: node.workerId as WorkerId,
    command: part.command,
    env: job.task.envs,
    gpuIndices: part.gpuIndices,
    cpu: perNode?.cpus ?? 0,
    memoryMiB: isAsked ? (perNode?.memoryMiB ?? 0) : 0,
    labels: {
      cluster: cluster.name,
      job: String(job.number ?? 'setup'),
      rank: String(node.rank),
      role: part.role,
    },
    node: {
      reservation: node.reservation,
      home: homeOf(cluster, node.rank),
      files: part.files,
      // Not among `env`, which people are shown.
      context: { ...job.task.secrets, ...part.context },
      removeHome: false,
      role: part.role,
      rank: node.rank,
    },
  });
}
