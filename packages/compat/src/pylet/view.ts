/** Our nouns in PyLet's words. */
import { isFinal, isoStamp } from '@drover/core';
import type { InstanceView, WorkerView } from '@drover/core/wire';
import { hostPort, type InstanceRow } from '@drover/engine';
import { SHORT_ID } from './find.ts';

/** UTC without zone or fraction: "2026-11-21 10:00:00". */
export const stampOf = (ms: number | null): string | null =>
  ms === null ? null : isoStamp(ms).slice(0, 19).replace('T', ' ');

/** What an unnamed instance is called: the first eight characters of its id. */
export const nameOf = (row: InstanceRow): string => row.name ?? row.id.slice(0, SHORT_ID);

const SIGNALS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
};

/** A death by signal n shows as 128+n. */
export function exitCodeOf(row: InstanceRow): number | null {
  if (!isFinal(row.status)) return null;
  if (row.exitCode !== null) return row.exitCode;
  const signal = row.signal === null ? undefined : SIGNALS[row.signal];
  return signal === undefined ? null : 128 + signal;
}

/** The endpoint stays after the end, as PyLet's does. */
export function endpointOf(row: InstanceRow): string | null {
  if (row.port === null || row.workerHost === null) return null;
  return hostPort(row.workerHost, row.port);
}

/** A plain non-zero exit has no reason. */
export function failureReasonOf(row: InstanceRow): string | null {
  return row.status === 'FAILED' && row.reason ? `${row.reason.code}: ${row.reason.message}` : null;
}

/** A word of an argument list as a shell would need it. */
const quote = (word: string): string =>
  /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;

/** @param isKnownWorker of a worker that has been deleted nothing is said */
export function viewPyletInstance(
  row: InstanceRow,
  view: InstanceView,
  isKnownWorker: (id: string) => boolean,
): Record<string, unknown> {
  const { command } = row.spec;
  return {
    instance_id: row.id,
    name: nameOf(row),
    command: typeof command === 'string' ? command : command.map(quote).join(' '),
    status: row.status,
    display_status: view.displayStatus,
    attempt: row.attempt,
    assigned_to: row.workerId !== null && isKnownWorker(row.workerId) ? row.workerId : null,
    endpoint: endpointOf(row),
    port: row.port,
    exit_code: exitCodeOf(row),
    failure_reason: failureReasonOf(row),
    created_at: stampOf(row.createdMs),
    assigned_at: stampOf(row.assignedMs),
    started_at: stampOf(row.startedMs),
    ended_at: stampOf(row.endedMs),
    cancellation_requested_at:
      row.status === 'CANCELLED' && row.attempt === 0 ? null : stampOf(row.cancel?.atMs ?? null),
    gpu_indices: isFinal(row.status) ? null : view.gpuIndices,
    exclusive: row.spec.exclusive,
    labels: view.labels,
    env: view.env,
    target_worker: row.spec.targetWorker,
    venv: row.spec.venv,
  };
}

export function viewPyletWorker(view: WorkerView): Record<string, unknown> {
  return {
    worker_id: view.id,
    host: view.host,
    status: view.status,
    total_resources: {
      cpu_cores: Math.floor(view.total.cpu),
      gpu_units: view.total.gpus,
      memory_mb: view.total.memoryMiB,
    },
    available_resources: {
      cpu_cores: view.available.cpu,
      gpu_units: view.available.gpus,
      memory_mb: view.available.memoryMiB,
    },
    available_gpu_indices: view.gpuIndicesAvailable,
    last_seen: view.lastSeenAt?.slice(0, 19).replace('T', ' ') ?? null,
  };
}
