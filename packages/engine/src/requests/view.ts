/** The wire form of a request. Only this makes it. */
import { isoStamp } from '@drover/core';
import type { RequestView } from '@drover/core/wire';
import type { State } from '../state/state.ts';
import type { RequestRow } from './row.ts';

const stamp = (ms: number | null): string | null => (ms === null ? null : isoStamp(ms));

export function viewRequest(state: State, row: RequestRow): RequestView {
  const cluster = state.tables.clusters.get(row.owner?.replace(/^clusters\//, '') ?? '');
  const isOpen = row.endedMs === null;
  const waits =
    row.status === 'PENDING'
      ? { code: 'BEHIND_ANOTHER', message: 'an earlier request on the same cluster goes first' }
      : null;
  return {
    id: row.id,
    name: row.verb,
    status: row.status,
    reason: isOpen ? (waits ?? cluster?.reason ?? null) : row.reason,
    cluster: row.cluster,
    jobId: row.job === null ? null : (state.tables.jobs.get(row.job)?.number ?? null),
    user: row.user,
    project: row.project,
    createdAt: isoStamp(row.createdMs),
    startedAt: stamp(row.startedMs),
    finishedAt: stamp(row.endedMs),
    result: row.result,
    error: row.error,
    rev: row.rev,
  };
}
