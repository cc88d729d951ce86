/**
 * Idle clusters end by themselves. Idle means that no job waits, is prepared or runs. The time counts from the last
 * job's end, from the (re)start, or from when autostop was set while none was.
 */
import { SYSTEM } from '../actor.ts';
import type { ClusterContext } from './controller.ts';
import { patchCluster } from './move.ts';
import type { ClusterRow } from './row.ts';

/** When it acts, in Unix milliseconds, if nothing happens until then; null: not at all. */
export function autostopAtMs(row: ClusterRow): number | null {
  if (row.autostop === null || row.idleSinceMs === null || row.status !== 'UP') return null;
  return row.idleSinceMs + row.autostop.idleMinutes * 60_000;
}

/** @returns milliseconds until it has to be looked at again, or nothing */
export function watchIdle(context: ClusterContext, id: string): number | undefined {
  const { state, ports, clusters } = context;
  const row = state.tables.clusters.get(id);
  if (row?.status !== 'UP' || row.desired !== 'UP') return undefined;
  const now = ports.clock.wallMs();
  const isBusy = state.liveJobs.of(`clusters/${id}`).length > 0;
  const isIdle = row.idleSinceMs !== null;
  if (isBusy === isIdle && row.autostop?.waitFor !== 'none') {
    state.transact(SYSTEM, (tx) => patchCluster(tx, row, { idleSinceMs: isBusy ? null : now }));
    return undefined;
  }
  const atMs = autostopAtMs(row);
  if (atMs === null) return undefined;
  if (atMs > now) return atMs - now;
  const idle = `${row.autostop?.idleMinutes} idle minutes`;
  state.transact(SYSTEM, (tx) =>
    clusters.endIn(tx, row, row.autostop?.down ? 'GONE' : 'STOPPED', `autostop (${idle})`, 'autostop'),
  );
  return undefined;
}
