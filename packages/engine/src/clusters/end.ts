/** The way down: what runs ends, homes are removed where it is to be gone, and only then is anything given back. */
import { DroverError, isFinal, type WorkerId } from '@drover/core';
import { SYSTEM } from '../actor.ts';
import { giveUpIn } from '../instances/lost.ts';
import { startOnNode } from '../instances/on-node.ts';
import { homeOf } from '../jobs/run.ts';
import { errorFactOf, say } from '../requests/service.ts';
import type { InstanceRow } from '../state/rows.ts';
import type { ClusterContext } from './controller.ts';
import { endMachines } from './machines.ts';
import { closeUsage, moveCluster, patchCluster } from './move.ts';
import { release } from './nodes.ts';
import type { ClusterRow } from './row.ts';

/** @returns milliseconds until it has to be looked at again, or nothing */
export function endCluster(context: ClusterContext, row: ClusterRow): number | undefined {
  const { state, ports } = context;
  if (row.status === 'STOPPED' && row.desired === 'STOPPED') return undefined;
  if (row.failure?.generation === row.generation) return undefined;
  const live = liveInstances(context, row);
  if (live.length > 0) {
    // Machines of its own can go without their workers: the provider's word counts.
    if (
      hasOwnMachines(context, row) &&
      row.desired === 'GONE' &&
      live.every((each) => each.status === 'UNKNOWN')
    )
      endMachines(context, row);
    waitFor(context, row, live);
    return undefined;
  }
  if (state.liveJobs.of(`clusters/${row.id}`).length > 0) return undefined;
  // With a machine its homes go too.
  if (row.desired === 'GONE' && !hasOwnMachines(context, row) && !cleaned(context, row)) return undefined;
  if (!endMachines(context, row)) return undefined;
  const now = ports.clock.wallMs();
  state.transact(SYSTEM, (tx) => {
    const nodes = release(tx, row);
    const usage = closeUsage(row, now);
    if (row.desired === 'GONE') {
      say(state, tx, row.id, [{ text: `Cluster ${row.name} is gone.` }]);
      moveCluster(tx, row, 'terminate', now, null, { nodes: [], homesLeft: [], usage, idleSinceMs: null });
      return;
    }
    say(state, tx, row.id, [{ text: `Cluster ${row.name} is stopped.` }]);
    const reason = {
      code: 'STOPPED',
      message: `"drover cluster start ${row.name}" starts it again where it was`,
    };
    // Machines that are made for it are the same ones when they start again; a worker may be another by then.
    moveCluster(tx, row, 'stop', now, reason, { nodes, usage, idleSinceMs: null, autostop: null });
  });
  return undefined;
}

const hasOwnMachines = ({ infra }: ClusterContext, row: ClusterRow): boolean =>
  row.candidate !== null && !infra.isShared(row.candidate.machine.infra);

/** Instances of its jobs that have not ended, or still hold something. */
function liveInstances({ state }: ClusterContext, row: ClusterRow): InstanceRow[] {
  const live: InstanceRow[] = [];
  for (const job of state.tables.jobs.ownedBy(`clusters/${row.id}`))
    for (const instance of state.tables.instances.ownedBy(`jobs/${job.id}`))
      if (!isFinal(instance.status) || !instance.released) live.push(instance);
  return live;
}

/** Somebody takes it off the books: what nobody can reach is given up, and stopped should it come back. */
function waitFor({ state, ports }: ClusterContext, row: ClusterRow, live: readonly InstanceRow[]): void {
  const now = ports.clock.wallMs();
  const lost = live.filter((each) => each.status === 'UNKNOWN');
  if (row.purge && lost.length > 0) {
    state.transact(SYSTEM, (tx) => {
      for (const instance of lost)
        giveUpIn(tx, instance, now, { code: 'FORGOTTEN', message: `cluster ${row.name} was purged` });
    });
    return;
  }
  const code = lost.length > 0 ? 'NODE_OFFLINE' : 'ENDING';
  const message =
    lost.length > 0 ? waitsFor(lost, 'stop what runs there') : `${live.length} processes are being ended`;
  noteWaiting({ state }, row, code, message);
}

function waitsFor(instances: readonly InstanceRow[], what: string): string {
  const hosts = [...new Set(instances.map((each) => each.workerHost))].join(', ');
  return `waits for ${hosts}, which is not heard of, to ${what}; "--purge" goes on without`;
}

function noteWaiting(
  { state }: Pick<ClusterContext, 'state'>,
  row: ClusterRow,
  code: string,
  message: string,
): void {
  if (row.reason?.code === code) return;
  state.transact(SYSTEM, (tx) => {
    say(state, tx, row.id, [{ text: message }]);
    patchCluster(tx, row, { reason: { code, message } });
  });
}

/**
 * Orders the homes to be removed, on workers that are away too: they do it when they are back.
 * @returns true when no node that is waited for has a home of it any more
 */
function cleaned(context: ClusterContext, row: ClusterRow): boolean {
  const { state, ports } = context;
  const homes = [
    ...row.nodes.flatMap(({ workerId, rank }) => (workerId === null ? [] : [{ workerId, rank }])),
    ...row.homesLeft,
  ].filter(({ workerId }) => state.tables.workers.get(workerId ?? '') !== undefined);
  const cleaners = state.tables.instances
    .ownedBy(`clusters/${row.id}`)
    // One that failed is tried again when it is asked for again.
    .filter(
      ({ spec, status }) => status !== 'FAILED' || spec.labels['generation'] === String(row.generation),
    );
  const done = new Set(cleaners.map((each) => `${each.spec.targetWorker}/${each.spec.node?.home}`));
  const due = homes.filter(({ workerId, rank }) => !done.has(`${workerId}/${homeOf(row, rank)}`));
  if (due.length > 0) {
    state.transact(SYSTEM, (tx) => {
      for (const { workerId, rank } of due)
        startOnNode(tx, ports, {
          owner: `clusters/${row.id}`,
          project: row.project,
          by: row.user.name,
          workerId: workerId as WorkerId,
          command: ':',
          env: {},
          gpuIndices: [],
          cpu: 0,
          memoryMiB: 0,
          labels: { cluster: row.name, role: 'clean', generation: String(row.generation) },
          node: {
            reservation: null,
            home: homeOf(row, rank),
            files: [],
            context: {},
            removeHome: true,
            role: 'clean',
            rank,
          },
        });
    });
    return false;
  }
  const open = cleaners.filter(
    (each) => (!isFinal(each.status) || !each.released) && isReachable(context, row, each.workerId),
  );
  const away = open.filter((each) => state.tables.workers.get(each.workerId ?? '')?.status === 'OFFLINE');
  if (away.length > 0) noteWaiting(context, row, 'NODE_OFFLINE', waitsFor(away, 'remove its home'));
  if (open.length > 0) return false;
  const failed = cleaners.find(
    (each) => each.status === 'FAILED' && state.tables.workers.get(each.spec.targetWorker ?? ''),
  );
  if (!failed || row.purge) return true;
  const error = new DroverError('COMMAND_FAILED', {
    what: 'removing a home',
    exitCode: failed.exitCode ?? '?',
    rule: `${failed.reason?.message ?? `node ${failed.spec.node?.rank}`}; "--purge" goes on without`,
  });
  state.transact(SYSTEM, (tx) =>
    patchCluster(tx, row, {
      failure: { generation: row.generation, error: errorFactOf(error) },
      reason: { code: error.code, message: error.message },
    }),
  );
  return false;
}

/** Whether a home there is waited for: a worker that was deleted has none, and a purge waits for none that is away. */
function isReachable({ state }: ClusterContext, row: ClusterRow, workerId: string | null): boolean {
  const worker = workerId === null ? undefined : state.tables.workers.get(workerId);
  if (!worker) return false;
  return !(row.purge && worker.status === 'OFFLINE');
}
