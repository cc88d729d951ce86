/** A job as it is written when somebody asks for it. */
import type { JobId } from '@drover/core';
import type { TaskSpec } from '@drover/core/wire';
import { type Actor, userOf } from '../actor.ts';
import { patchCluster } from '../clusters/move.ts';
import type { ClusterRow } from '../clusters/row.ts';
import { originOf } from '../origin.ts';
import type { Ports } from '../ports.ts';
import type { Transaction } from '../state/transaction.ts';
import { taskIdOf } from './environment.ts';
import { demandOf } from './queue.ts';
import type { JobRow } from './row.ts';

/** With the next number of its cluster; without one when it only prepares. The cluster is in use from now on. */
export function submitJob(
  ports: Ports,
  tx: Transaction,
  actor: Actor,
  row: ClusterRow,
  task: TaskSpec,
  prepares: JobRow['prepares'],
): JobRow {
  const now = ports.clock.wallMs();
  const number = task.run === null ? null : row.nextJob;
  const id = ports.random.uuid() as JobId;
  tx.put('jobs', {
    id,
    project: actor.project,
    name: task.name,
    status: 'INIT',
    owner: `clusters/${row.id}`,
    number,
    task,
    taskId: taskIdOf(row.name, number, now),
    user: userOf(actor),
    origin: originOf(actor),
    demand: demandOf(task),
    prepares,
    nodes: [],
    setupInstances: [],
    runInstances: [],
    submittedMs: now,
    startedMs: null,
    endedMs: null,
    exitCode: null,
    reason: null,
    error: null,
    cancel: null,
  });
  patchCluster(tx, tx.get('clusters', row.id) ?? row, {
    nextJob: row.nextJob + (number === null ? 0 : 1),
    ...(row.autostop?.waitFor !== 'none' && { idleSinceMs: null }),
  });
  return tx.get('jobs', id) as JobRow;
}
