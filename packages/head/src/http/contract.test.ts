/** The surface as a whole: who owns which route, and that each accepted field is held somewhere. */
import {
  autostopBody,
  clusterListQuery,
  contentQuery,
  costQuery,
  deleteAllQuery,
  endBody,
  eventQuery,
  execBody,
  filesMissing,
  infraDownQuery,
  infraListQuery,
  instanceCancelBody,
  instanceGetQuery,
  instanceListQuery,
  instanceSubmit,
  jobCancelBody,
  jobListQuery,
  jobLogQuery,
  joinBody,
  joinTokenCreate,
  launchBody,
  logQuery,
  machineListQuery,
  planBody,
  requestCancelBody,
  requestGetQuery,
  requestListQuery,
  requestLogQuery,
  requestRecordBody,
  resourceRequest,
  startBody,
  workerGetQuery,
  workerListQuery,
  workersDeleteQuery,
} from '@drover/core/wire';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { startTestHead, type TestHead } from '../testing/test-head.ts';

let head: TestHead;
beforeAll(async () => {
  head = await startTestHead();
});
afterAll(() => head.close());

describe('routes', () => {
  it('have one owner each: a second claim stops the head from starting', async () => {
    const { makeApp } = await import('./app.ts');
    const edge = { door: { install: () => undefined }, hosts: null, tls: null, watch: () => undefined };
    const app = makeApp(
      { info: () => undefined, warn: () => undefined, error: () => undefined },
      edge as never,
    );
    app.get('/instances', async () => 'ours');
    expect(() => app.get('/instances', async () => 'theirs')).toThrow(/already declared/);
  });

  it('of an adapter answer at the root and under its own prefix alike', async () => {
    const root = await head.call('GET', '/workers');
    const mounted = await head.call('GET', '/compat/pylet/workers');
    expect([root.status, mounted.status, mounted.json]).toEqual([200, 200, root.json]);
  });
});

/** What becomes of each field that a caller may send. A field that is not here, or here and gone, fails. */
const HELD: [name: string, schema: z.ZodType, fields: Record<string, string>][] = [
  [
    'instanceSubmit',
    instanceSubmit,
    {
      command: 'run by the worker',
      name: 'unique among the live; DROVER_INSTANCE_NAME',
      resources: 'held by the scheduler',
      gpuIndices: 'placed exactly; CUDA_VISIBLE_DEVICES',
      exclusive: 'whether its GPUs count',
      targetWorker: 'placed there only',
      labels: 'recorded; filters',
      env: 'environment of the command',
      venv: 'activated before the command',
      workdir: 'working directory of the command',
      priority: 'order of the queue',
      graceMs: 'time from SIGTERM to SIGKILL',
      logCapMiB: 'size that the log keeps',
      onWorkerLost: 'waits, is placed anew, or is stopped by its worker',
      lostAfterMs: 'the silence after which',
    },
  ],
  [
    'resourceRequest',
    resourceRequest,
    { cpu: 'held', memoryMiB: 'held; limit of the cgroup', diskMiB: 'held', gpus: 'held; indices given' },
  ],
  ['instanceGetQuery', instanceGetQuery, { wait: 'long poll', timeoutMs: 'its length' }],
  [
    'instanceListQuery',
    instanceListQuery,
    { status: 'filter', label: 'filter', name: 'filter', worker: 'filter', cursor: 'page', limit: 'page' },
  ],
  ['instanceCancelBody', instanceCancelBody, { graceMs: 'this stop only' }],
  ['deleteAllQuery', deleteAllQuery, { status: 'filter' }],
  [
    'logQuery',
    logQuery,
    { offset: 'range', limit: 'range', tail: 'range', follow: 'goes on', attempt: 'which log' },
  ],
  ['joinTokenCreate', joinTokenCreate, { ttlS: 'expiry', uses: 'bound', pool: 'the place of its workers' }],
  [
    'launchBody',
    launchBody,
    {
      task: 'what is prepared and run: see docs/tasks.md',
      cluster: 'its name; used again when it fits',
      retryUntilUp: 'waits in line for nodes',
      autostop: 'when it ends by itself',
      down: 'torn down when its jobs have ended',
      dryrun: 'ends with the plan',
      optimize: 'order of the plan',
      noSetup: 'setup is left out',
      fast: 'nodes and setup are left as they are',
    },
  ],
  ['execBody', execBody, { task: 'what is run', dryrun: 'ends with the check', down: 'as of a launch' }],
  [
    'startBody',
    startBody,
    { autostop: 'set with it', retryUntilUp: 'waits for its nodes', force: 'recorded as its last use' },
  ],
  ['endBody', endBody, { purge: 'goes on without what cannot be reached' }],
  ['autostopBody', autostopBody, { autostop: 'set, or cancelled' }],
  ['clusterListQuery', clusterListQuery, { name: 'filter', refresh: 'asks the infra', allUsers: 'filter' }],
  ['jobListQuery', jobListQuery, { skipFinished: 'filter', allUsers: 'filter' }],
  ['jobCancelBody', jobCancelBody, { jobIds: 'which', all: 'which', allUsers: 'which' }],
  ['jobLogQuery', jobLogQuery, { follow: 'goes on', tail: 'range' }],
  ['planBody', planBody, { resources: 'what has to fit', numNodes: 'how many', optimize: 'order' }],
  ['costQuery', costQuery, { days: 'filter' }],
  [
    'requestListQuery',
    requestListQuery,
    { all: 'filter', allUsers: 'filter', cluster: 'filter', cursor: 'page', limit: 'page' },
  ],
  ['requestGetQuery', requestGetQuery, { wait: 'long poll', timeoutMs: 'its length' }],
  ['requestLogQuery', requestLogQuery, { follow: 'goes on', tail: 'range' }],
  ['requestCancelBody', requestCancelBody, { ids: 'which', all: 'which', allUsers: 'which' }],
  [
    'requestRecordBody',
    requestRecordBody,
    { name: 'recorded', cluster: 'recorded; filter', result: 'given to who waits', error: 'thrown there' },
  ],
  ['infraDownQuery', infraDownQuery, { keep: 'they stop, and are not removed' }],
  ['infraListQuery', infraListQuery, { refresh: 'asks the providers now' }],
  ['machineListQuery', machineListQuery, { all: 'filter' }],
  ['joinBody', joinBody, { name: 'of the worker', workerId: 'its id', identity: 'one that has expired' }],
  ['workerListQuery', workerListQuery, { status: 'filter' }],
  ['workersDeleteQuery', workersDeleteQuery, { status: 'must be OFFLINE' }],
  ['workerGetQuery', workerGetQuery, { wait: 'long poll', timeoutMs: 'its length' }],
  ['filesMissing', filesMissing, { sha256: 'which are asked for' }],
  ['contentQuery', contentQuery, { offset: 'where a part begins', size: 'of the whole; checked' }],
  ['eventQuery', eventQuery, { after: 'resume', noun: 'filter', id: 'filter' }],
];

describe('every field that is accepted is held', () => {
  it.each(HELD)('%s', (_, schema, fields) => {
    const { shape } = schema as unknown as { shape: Record<string, unknown> };
    expect(Object.keys(fields).sort()).toEqual(Object.keys(shape).sort());
  });
});
