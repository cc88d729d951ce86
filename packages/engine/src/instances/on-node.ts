/**
 * Instances on the nodes of clusters. They use a share of what their node's reservation holds and hold nothing
 * themselves, so the scheduler never sees them: whoever makes them has chosen the node.
 */
import type { WorkerId } from '@drover/core';
import type { Origin } from '../origin.ts';
import type { Ports } from '../ports.ts';
import type { InstanceRow, NodeRun } from '../state/rows.ts';
import type { Transaction } from '../state/transaction.ts';
import { createInstance } from './create.ts';
import { moveInstance } from './move.ts';

export interface NodeOrder {
  /** `jobs/<id>` or `clusters/<id>`: changes go through it. */
  readonly owner: string;
  readonly project: string;
  readonly by: string;
  readonly origin?: Origin | undefined;
  readonly workerId: WorkerId;
  readonly command: string;
  readonly env: Readonly<Record<string, string>>;
  readonly gpuIndices: readonly number[];
  readonly cpu: number;
  readonly memoryMiB: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly node: NodeRun;
}

/** How long a job's instance has between SIGTERM and SIGKILL. */
export const NODE_GRACE_MS = 10_000;
const LOG_CAP_MIB = 1024;

/** Makes the instance, assigned to its node: the worker starts it as soon as the commit is durable. */
export function startOnNode(tx: Transaction, ports: Ports, order: NodeOrder): InstanceRow {
  const now = ports.clock.wallMs();
  const { gpuIndices } = order;
  const made = createInstance(tx, ports, {
    project: order.project,
    name: null,
    owner: order.owner,
    spec: {
      command: order.command,
      resources: { cpu: order.cpu, memoryMiB: order.memoryMiB, diskMiB: 0, gpus: gpuIndices.length },
      gpuIndices: gpuIndices.length > 0 ? gpuIndices : null,
      exclusive: true,
      targetWorker: order.workerId,
      labels: order.labels,
      env: order.env,
      venv: null,
      workdir: null,
      priority: 0,
      graceMs: NODE_GRACE_MS,
      logCapMiB: LOG_CAP_MIB,
      accounting: 'strict',
      onWorkerLost: 'wait',
      lostAfterMs: null,
      node: order.node,
    },
    submittedBy: order.by,
    origin: order.origin,
  });
  return moveInstance(tx, made, 'place', now, {
    attempt: 1,
    workerId: order.workerId,
    workerHost: tx.get('workers', order.workerId)?.offer?.host ?? null,
    gpuIndices: gpuIndices.length > 0 ? gpuIndices : null,
    assignedMs: now,
    released: false,
  });
}
