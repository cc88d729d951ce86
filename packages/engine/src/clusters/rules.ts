/** What a cluster may be asked for as it is. Pure. */
import { DroverError } from '@drover/core';
import type { AutostopSpec, LaunchBody } from '@drover/core/wire';
import type { ClusterRow } from './row.ts';

/** The reason of one that begins. */
export const STARTING = { code: 'PROVISIONING', message: 'its nodes are being found' };

/** What a launch says of autostop: in its body, else in its task. */
export const autostopOf = (body: LaunchBody): AutostopSpec | null => {
  const asked =
    body.autostop ??
    body.task.resources?.choices.find((choice) => choice.autostop !== null)?.autostop ??
    null;
  if (!body.down) return asked;
  return { idleMinutes: asked?.idleMinutes ?? 0, down: true, waitFor: asked?.waitFor ?? 'jobs' };
};

/** It is INIT, and somebody has to do something before it is anything else. */
export const isStuck = (row: ClusterRow): boolean =>
  row.reason?.code === 'SETUP_FAILED' || row.reason?.code === 'NODE_LOST';

/** It was told to end, and has not yet: what is asked of it now would meet it half gone. */
export const isGoing = (row: ClusterRow): boolean =>
  row.desired === 'GONE' || (row.desired === 'STOPPED' && row.status !== 'STOPPED');

/** It is not UP, and what to do about that. */
export function notUp(row: ClusterRow): DroverError {
  const rules: Record<string, string> = {
    STOPPED: `"drover cluster start ${row.name}" starts it again`,
    INIT: `"drover launch -c ${row.name}" tries again, "drover cluster down ${row.name}" removes it`,
  };
  const going = row.desired === 'GONE' ? 'it is being torn down' : 'it is being stopped';
  return new DroverError('CLUSTER_NOT_UP', {
    ref: row.name,
    status: row.status,
    rule: isGoing(row) ? going : (rules[row.status] ?? going),
  });
}

/** @throws {DroverError} NOT_SUPPORTED */
export function assertStoppable(row: ClusterRow): void {
  if (!row.candidate?.spot) return;
  throw new DroverError('NOT_SUPPORTED', {
    rule: `cluster '${row.name}' is on spot machines, which cannot be stopped; "drover cluster down ${row.name}" ends it`,
  });
}
