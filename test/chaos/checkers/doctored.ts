/** A good history to start from; each test spoils one thing in it. */
import type { InstanceView, WorkerView } from 'drover';
import type { Ending, Recovery, Sample, Submitted, WitnessLine } from './facts.ts';

export const ID = '11111111-1111-4111-8111-111111111111';
const WORKER = 'w-1';

export function view(change: Partial<InstanceView> = {}): InstanceView {
  const good = {
    id: ID,
    status: 'RUNNING',
    displayStatus: 'RUNNING',
    reason: null,
    since: '2026-01-01T00:00:00.000Z',
    attempt: 1,
    resources: { cpu: 1, memoryMiB: 64, diskMiB: 0, gpus: 0 },
    labels: { nonce: 'n-1' },
    workerId: WORKER,
    port: 15_000,
    exitCode: null,
    rev: 10,
  };
  return { ...(good as unknown as InstanceView), ...change };
}

export const ended = (change: Partial<InstanceView> = {}): InstanceView =>
  view({ status: 'COMPLETED', displayStatus: 'COMPLETED', exitCode: 0, port: null, ...change });

export function submitted(change: Partial<Submitted> = {}): Submitted {
  return {
    id: ID,
    nonce: 'n-1',
    kind: 'plain',
    code: 0,
    lines: 3,
    policy: 'wait',
    cancelledAtMs: null,
    ...change,
  };
}

export const asked = (one: Submitted = submitted()): ReadonlyMap<string, Submitted> =>
  new Map([[one.id, one]]);

export function sample(change: Partial<Sample> = {}): Sample {
  const total = { cpu: 2, memoryMiB: 256, diskMiB: 0, gpus: 0, ports: 100 };
  return {
    atMs: 0,
    instances: [view()],
    listed: [view()],
    gone: [],
    workers: [{ id: WORKER, name: 'w1', total } as unknown as WorkerView],
    alive: [{ instance: ID, attempt: 1, pid: 7 }],
    usage: [
      { component: 'head', rssMiB: 100, files: 50 },
      { component: 'w1', rssMiB: 50, files: 20 },
    ],
    submitted: asked(),
    withinTolerance: true,
    finished: 0,
    open: 1,
    ...change,
  };
}

export const recovery = (change: Partial<Recovery> = {}): Recovery => ({
  healedAtMs: 0,
  limitMs: 1_000,
  workersOnlineAfterMs: 10,
  probeDoneAfterMs: 20,
  ...change,
});

export function witness(what: 'start' | 'end', change: Partial<WitnessLine> = {}): WitnessLine {
  const code = what === 'end' ? 0 : null;
  return { what, instance: ID, attempt: 1, fence: '-', uptimeS: 1, nonce: 'n-1', code, ...change };
}

export const LOG = 'line 1 of 3 n-1\nline 2 of 3 n-1\nline 3 of 3 n-1\n';

export function ending(change: Partial<Ending> = {}): Ending {
  return {
    submitted: asked(),
    views: new Map([[ID, ended()]]),
    witness: [witness('start'), witness('end')],
    logs: new Map([[ID, LOG]]),
    unsupervised: new Set(),
    onFullDisk: new Set(),
    leftovers: { processes: [], cgroups: [], folders: [], ports: [] },
    ...change,
  };
}
