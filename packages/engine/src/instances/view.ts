/** The wire form of an instance. Only this makes it. */
import { isFinal, isoStamp } from '@drover/core';
import type { InstanceView, Reason } from '@drover/core/wire';
import type { InstanceRow } from '../state/rows.ts';

const stamp = (ms: number | null): string | null => (ms === null ? null : isoStamp(ms));

/** @param waiting why it is as it is, worked out by the caller for a row that is not final; null when nothing to say. */
export function viewInstance(row: InstanceRow, waiting: Reason | null): InstanceView {
  const final = isFinal(row.status);
  const cancelling = row.cancel !== null && !final;
  const { accounting: _accounting, ...spec } = row.spec;
  return {
    id: row.id,
    name: row.name,
    project: row.project,
    status: row.status,
    displayStatus: cancelling ? 'CANCELLING' : row.status,
    reason: final ? row.reason : waiting,
    since: isoStamp(row.sinceMs),
    attempt: row.attempt,
    command: typeof spec.command === 'string' ? spec.command : [...spec.command],
    resources: { ...spec.resources },
    gpuIndices: row.gpuIndices !== null && !row.released ? [...row.gpuIndices] : null,
    requestedGpuIndices: spec.gpuIndices ? [...spec.gpuIndices] : null,
    exclusive: spec.exclusive,
    targetWorker: spec.targetWorker,
    labels: { ...spec.labels },
    env: { ...spec.env },
    venv: spec.venv,
    workdir: spec.workdir,
    priority: spec.priority,
    graceMs: spec.graceMs,
    logCapMiB: spec.logCapMiB,
    onWorkerLost: spec.onWorkerLost,
    lostAfterMs: spec.lostAfterMs,
    workerId: row.workerId,
    endpoint:
      row.port !== null && row.workerHost !== null && !final ? hostPort(row.workerHost, row.port) : null,
    port: row.port,
    pid: row.pid,
    exitCode: row.exitCode,
    signal: row.signal,
    log: row.log,
    createdAt: isoStamp(row.createdMs),
    assignedAt: stamp(row.assignedMs),
    startedAt: stamp(row.startedMs),
    endedAt: stamp(row.endedMs),
    cancelRequestedAt: stamp(row.cancel?.atMs ?? null),
    submittedBy: row.submittedBy,
    rev: row.rev,
  };
}

/** `host:port`, with brackets around an IPv6 address. */
export const hostPort = (host: string, port: number): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
