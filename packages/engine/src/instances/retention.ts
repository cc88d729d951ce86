/** Controller and timer: deleted records go with their last process, and ended ones leave memory (never the store). */
import { isFinal, isJobFinal } from '@drover/core';
import { SYSTEM } from '../actor.ts';
import type { Ports } from '../ports.ts';
import type { Controller } from '../reconcile/reconciler.ts';
import type { InstanceRow } from '../state/rows.ts';
import type { State } from '../state/state.ts';
import type { Links } from '../workers/links.ts';
import { sweepTombstones } from './departure.ts';
import { removeRow } from './service.ts';

const KEEP_MS = 3_600_000;
const KEEP_ROWS = 20_000;
const SWEEP_MS = 30_000;
const IDEMPOTENCY_MS = 86_400_000;
const IDEMPOTENCY_ROWS = 100_000;

/** A record that is to go, goes when nothing of it is left on its worker. */
export function cleanupController(state: State, ports: Ports): Controller {
  return {
    name: 'cleanup',
    watches: (change) => {
      if (change.collection !== 'instances') return [];
      const row = change.after as InstanceRow | undefined;
      return row?.deleting ? [change.id] : [];
    },
    *all() {
      for (const row of state.tables.instances.all()) if (row.deleting) yield row.id;
    },
    reconcile(id) {
      const row = state.tables.instances.get(id);
      if (row?.deleting && isFinal(row.status) && row.released)
        state.transact(SYSTEM, (tx) => removeRow(tx, row, ports.clock.wallMs()));
      return undefined;
    },
  };
}

/** Lets go of what the store keeps anyway. Starts its own timer. */
export function startEviction(state: State, ports: Ports, links: Links): void {
  const sweep = (): void => {
    const now = ports.clock.wallMs();
    const ended: InstanceRow[] = [];
    for (const row of state.tables.instances.all()) if (evictable(row)) ended.push(row);
    ended.sort((a, b) => (a.endedMs ?? 0) - (b.endedMs ?? 0));
    const surplus = ended.length - KEEP_ROWS;
    ended.forEach((row, index) => {
      if (index >= surplus && now - (row.endedMs ?? now) < KEEP_MS) return;
      // Its job is judged by all of its instances.
      if (isNeeded(state, row.owner)) return;
      state.whenDurable(row.rev, () => {
        if (state.tables.instances.get(row.id) === row) state.evict('instances', row.id);
      });
    });
    sweepIdempotency(state, now);
    sweepTombstones(state, ports, links);
    ports.clock.after(SWEEP_MS, sweep);
  };
  ports.clock.after(SWEEP_MS, sweep);
}

/** Whether what made it has not ended. */
function isNeeded(state: State, owner: string | null): boolean {
  const [noun, id = ''] = owner?.split('/') ?? [];
  if (noun === 'clusters') return state.tables.clusters.get(id)?.desired === 'GONE';
  const job = noun === 'jobs' ? state.tables.jobs.get(id) : undefined;
  return job !== undefined && !isJobFinal(job.status);
}

const evictable = (row: InstanceRow): boolean =>
  isFinal(row.status) && row.released && row.deleting === null && (row.log === null || row.log.archived);

function sweepIdempotency(state: State, now: number): void {
  const rows = [...state.tables.idempotency.all()];
  const surplus = rows.length - IDEMPOTENCY_ROWS;
  const old = rows.filter((row, index) => index < surplus || now - row.createdMs > IDEMPOTENCY_MS);
  if (old.length === 0 || state.stalled !== null) return;
  state.transact(SYSTEM, (tx) => {
    for (const row of old) tx.delete('idempotency', row.id);
  });
}
