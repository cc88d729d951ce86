/** The wire form of a worker. Only this makes it. */
import { isoStamp, NO_RESOURCES } from '@drover/core';
import type { WorkerView } from '@drover/core/wire';
import type { Ledger } from '../scheduler/ledger.ts';
import type { WorkerRow } from '../state/rows.ts';
import type { Links } from './links.ts';

/** Of what nobody knows the first are shown: a page is no place for ten thousand. */
const MOST_UNKNOWN = 100;

export function viewWorker(
  row: WorkerRow,
  ledger: Ledger,
  links: Links,
  nowMs: number,
  nowMonoMs: number,
): WorkerView {
  const room = ledger.rooms.get(row.id);
  const heard = links.heardMs.get(row.id);
  const lastSeenMs = heard === undefined ? row.lastSeenMs : nowMs - (nowMonoMs - heard);
  return {
    id: row.id,
    name: row.name,
    project: row.project,
    place: row.place,
    machine: row.machine,
    host: row.offer?.host ?? '',
    hostname: row.offer?.hostname ?? '',
    status: row.status,
    reason: row.reason ?? (room?.capacity.paused ? { code: 'PAUSED', message: room.capacity.paused } : null),
    since: isoStamp(row.sinceMs),
    total: row.offer?.schedulable ?? NO_RESOURCES,
    available: room?.free ?? NO_RESOURCES,
    physical: row.offer?.physical ?? NO_RESOURCES,
    gpus: row.offer?.gpus ? [...row.offer.gpus] : [],
    gpuIndicesAvailable: room?.freeGpuIndices() ?? [],
    supervision: row.offer?.supervision ?? { shim: 'sh', cgroup: 'none', memoryEnforced: false, notes: [] },
    version: row.offer?.version ?? '',
    instances: room?.holdings.size ?? 0,
    unknownInstances: [...(links.unknown.get(row.id)?.values() ?? [])]
      .slice(0, MOST_UNKNOWN)
      .map((each) => ({ ...each })),
    lastSeenAt: lastSeenMs === null ? null : isoStamp(lastSeenMs),
    refusedFrames: links.get(row.id)?.refusedFrames ?? 0,
    clockSkewMs: links.get(row.id)?.clockSkewMs ?? null,
    createdAt: isoStamp(row.createdMs),
  };
}
