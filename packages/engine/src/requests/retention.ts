/** What has ended long ago goes, from memory and from the store. Starts its own timer. */
import { isJobFinal, isRequestFinal } from '@drover/core';
import { SYSTEM } from '../actor.ts';
import type { Ports } from '../ports.ts';
import type { Collection } from '../state/rows.ts';
import type { State } from '../state/state.ts';
import type { RequestRow } from './row.ts';

const SWEEP_MS = 60_000;
const DAY_MS = 86_400_000;
/** Requests that have ended are kept for a day, as SkyPilot's server keeps them; at most so many. */
const REQUESTS = { keepMs: DAY_MS, most: 20_000 } as const;
/** Short calls among them, which bring their result along: of no cluster, and often the state of all. */
const SHORT_CALLS = { keepMs: 3_600_000, most: 1_000 } as const;
/** Jobs of a cluster that is gone; and the newest of one that is there. */
const JOBS = { keepMs: DAY_MS, most: 20_000 } as const;
/** The history for the cost report. */
const CLUSTERS = { keepMs: 90 * DAY_MS, most: 10_000 } as const;

interface Rule {
  readonly keepMs: number;
  readonly most: number;
}

export function startRequestRetention(state: State, ports: Ports): void {
  const sweep = (): void => {
    if (state.stalled === null) {
      const { requests, clusters, jobs } = state.tables;
      const settled = [...requests.all()].filter((row) => isRequestFinal(row.status));
      const isShort = (row: RequestRow): boolean => row.owner === null;
      drop(
        state,
        ports,
        'requests',
        REQUESTS,
        settled.filter((row) => !isShort(row)),
      );
      drop(state, ports, 'requests', SHORT_CALLS, settled.filter(isShort));
      const isGone = (owner: string | null): boolean => {
        const cluster = clusters.get(owner?.slice('clusters/'.length) ?? '');
        return cluster === undefined || cluster.status === 'TERMINATED';
      };
      const ended = [...jobs.all()].filter((row) => isJobFinal(row.status));
      drop(
        state,
        ports,
        'jobs',
        JOBS,
        ended.filter((row) => isGone(row.owner)),
      );
      drop(state, ports, 'jobs', { keepMs: Number.POSITIVE_INFINITY, most: JOBS.most }, ended);
      const gone = [...clusters.all()].filter((row) => row.status === 'TERMINATED');
      drop(
        state,
        ports,
        'clusters',
        CLUSTERS,
        gone.map((row) => ({ ...row, endedMs: row.sinceMs })),
      );
    }
    ports.clock.after(SWEEP_MS, sweep);
  };
  ports.clock.after(SWEEP_MS, sweep);
}

function drop(
  state: State,
  ports: Ports,
  collection: Collection,
  { keepMs, most }: Rule,
  rows: readonly { readonly id: string; readonly seq: number; readonly endedMs: number | null }[],
): void {
  const now = ports.clock.wallMs();
  const sorted = [...rows].sort((a, b) => a.seq - b.seq);
  const old = sorted.filter((row, at) => at < sorted.length - most || now - (row.endedMs ?? now) > keepMs);
  if (old.length === 0) return;
  state.transact(SYSTEM, (tx) => {
    for (const row of old) tx.delete(collection, row.id);
  });
}
