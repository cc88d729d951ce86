/**
 * Who is still there. A worker that is silent for the lease is SUSPECT; one that is not heard of for the whole
 * offline time is OFFLINE. All by the monotonic clock.
 *
 * A head whose own loop was late, or that was stopped and continued, judges nobody: the silence may be its own. It
 * begins to count anew.
 */
import { SYSTEM } from '../actor.ts';
import type { InstancesByWorker } from '../instances/index-by-worker.ts';
import { replaceLost } from '../instances/lost.ts';
import type { Ports } from '../ports.ts';
import type { State } from '../state/state.ts';
import type { Links } from './links.ts';
import { giveUpWorker, moveWorker } from './move.ts';

export interface Timing {
  /** How often a worker pings. */
  readonly pingMs: number;
  /** Silence on a link after which its worker is SUSPECT. */
  readonly leaseMs: number;
  /** Silence after which a worker is OFFLINE. */
  readonly offlineMs: number;
}

const TICKS_PER_LEASE = 10;
/** A tick that comes later than this, or than half a lease, says that the process itself did not run. */
const LATE_MS = 2_000;

export function startLiveness(
  state: State,
  ports: Ports,
  links: Links,
  byWorker: InstancesByWorker,
  timing: Timing,
): void {
  const tickMs = Math.max(20, timing.leaseMs / TICKS_PER_LEASE);
  const { clock, log } = ports;
  const tooLateMs = Math.min(LATE_MS, timing.leaseMs / 2);
  let expectedMs = clock.monoMs() + tickMs;
  for (const row of state.tables.workers.all()) links.heardMs.set(row.id, clock.monoMs());

  const tick = (): void => {
    const now = clock.monoMs();
    const lateMs = now - expectedMs;
    expectedMs = now + tickMs;
    if (lateMs > tooLateMs) {
      log.warn({ lateMs }, 'this head did not run for a while; it judges no worker before it has heard them');
      for (const id of links.heardMs.keys()) links.heardMs.set(id, now);
      for (const link of links.all()) link.heardMs = now;
    } else {
      judge(now);
    }
    clock.after(tickMs, tick);
  };

  const judge = (now: number): void => {
    const wallMs = clock.wallMs();
    for (const row of state.tables.workers.all()) {
      const silentMs = now - (links.heardMs.get(row.id) ?? now);
      if (row.status === 'ONLINE' && silentMs > timing.leaseMs) {
        const reason = {
          code: 'HEARTBEAT_MISSED',
          message: `silent for more than ${timing.leaseMs / 1000} s`,
        };
        state.transact(SYSTEM, (tx) =>
          moveWorker(tx, row, 'doubt', wallMs, reason, { lastSeenMs: wallMs - Math.round(silentMs) }),
        );
      } else if (row.status === 'SUSPECT' && silentMs > timing.offlineMs) {
        const reason = {
          code: 'OFFLINE',
          message: `not heard of for more than ${timing.offlineMs / 1000} s`,
        };
        const link = links.get(row.id);
        if (link && links.close(link)) link.port.close(4408, 'silent for too long');
        state.transact(SYSTEM, (tx) => giveUpWorker(tx, row, byWorker.of(row.id), wallMs, reason));
      } else if (row.status === 'OFFLINE') {
        replaceLost(state, ports, byWorker.of(row.id), silentMs);
      } else if (row.status === 'SUSPECT' && isBack(row.id, silentMs)) {
        state.transact(SYSTEM, (tx) => moveWorker(tx, row, 'hear', wallMs, null, { lastSeenMs: wallMs }));
      }
    }
  };
  const isBack = (id: string, silentMs: number): boolean => {
    const link = links.get(id);
    if (!link || silentMs >= timing.leaseMs) return false;
    return !links.isFlapping(id, link.session, timing.offlineMs, timing.leaseMs);
  };
  clock.after(tickMs, tick);
}
