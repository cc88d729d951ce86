/** Orders with a home: made ready before the start, beside other starts, and left off when a stop comes. */
import type { AttemptFact, HeadFrame, StartOrder, WorkerMessage } from '@drover/core/wire';
import { FakeDisk, FakeMachine, sampleOffer, VirtualClock } from '@drover/testkit';
import { beforeEach, expect, test } from 'vitest';
import { Agent } from './agent.ts';
import { LaunchError, type StopSignal } from './ports.ts';

const HERD = '00000000-0000-4000-8000-000000000001';
const nothing = (): void => undefined;

let clock: VirtualClock;
let disk: FakeDisk;
let agent: Agent;
let said: WorkerMessage[];
/** What waits to be made ready, by home. */
let preparing: Map<string, { done(): void; fail(error: Error): void; stop: StopSignal }>;
let removed: string[];
let count = 0;

async function open(): Promise<void> {
  const life = { dead: false, skewMs: 0 };
  agent = new Agent(
    {
      clock: clock.view(life),
      machine: new FakeMachine(disk, clock.view(life), life),
      homes: {
        prepare: (order, stop) =>
          new Promise<void>((resolve, reject) => {
            preparing.set(order.home ?? '', { done: resolve, fail: reject, stop });
            stop.onStop(() => reject(new Error('stopped')));
          }),
        remove: async (home) => void removed.push(home),
      },
      log: { info: nothing, warn: nothing, error: nothing },
      toBase64: () => '',
      remember: async () => undefined,
      noteContact: nothing,
      dialLog: async () => undefined,
    },
    {
      session: HERD,
      bootId: 'b',
      offer: sampleOffer(),
      memory: { herd: HERD, epoch: 1, rev: 0 },
      contactMs: null,
    },
  );
  await agent.start();
  agent.opened({ send: (message) => said.push(structuredClone(message)) > 0, reset: nothing });
  await hear([
    { type: 'welcome', protocol: 2, workerId: HERD, pingMs: 1e6, leaseMs: 1e7, sendInventory: false },
    { type: 'settled' },
  ]);
}

async function pass(ms: number): Promise<void> {
  const until = clock.nowMs + ms;
  clock.after(ms, nothing);
  await clock.until(() => clock.nowMs > until, until);
}
async function hear(frames: HeadFrame[]): Promise<void> {
  agent.receive({ herd: HERD, epoch: 1, rev: 0, frames });
  await pass(0);
}
function orderFor(extra: Partial<StartOrder> = {}): StartOrder {
  count += 1;
  const command = JSON.stringify({ runMs: 1e9, code: 0, ignoresTerm: false, failsToStart: false });
  return {
    instance: `00000000-0000-4000-9000-${String(count).padStart(12, '0')}`,
    attempt: 1,
    name: null,
    command,
    env: {},
    venv: null,
    workdir: null,
    gpuIndices: [],
    cpu: 0,
    memoryMiB: 0,
    graceMs: 500,
    logCapBytes: 1e6,
    ...extra,
  };
}
const start = (order: StartOrder): Promise<void> => hear([{ type: 'start', order }]);
const lastFact = (order: StartOrder): AttemptFact | undefined =>
  said
    .flatMap((message) => message.frames)
    .flatMap((frame) => (frame.type === 'report' || frame.type === 'inventory' ? frame.items : []))
    .findLast((fact) => fact.instance === order.instance);

beforeEach(async () => {
  clock = new VirtualClock();
  disk = new FakeDisk();
  said = [];
  preparing = new Map();
  removed = [];
  await open();
});

test('a home is made ready before its command starts', async () => {
  const order = orderFor({ home: 'n1' });
  await start(order);
  expect([disk.starts, lastFact(order)?.phase]).toEqual([[], undefined]);
  preparing.get('n1')?.done();
  await pass(2);
  expect([disk.starts.length, lastFact(order)?.phase]).toEqual([1, 'RUNNING']);
});

test('many that wait for their files hold up no other start', async () => {
  for (let at = 0; at < 20; at++) await start(orderFor({ home: `n${at}` }));
  const other = orderFor();
  await start(other);
  await pass(2);
  expect(lastFact(other)?.phase).toBe('RUNNING');
});

test('a stop ends what is being made ready, and nothing starts', async () => {
  const order = orderFor({ home: 'n1' });
  await start(order);
  await hear([{ type: 'stop', instance: order.instance, attempt: 1, graceMs: 0 }]);
  expect(preparing.get('n1')?.stop.isStopped).toBe(true);
  expect(lastFact(order)).toMatchObject({
    phase: 'RELEASED',
    exit: { stopped: true, reason: { code: 'NOT_STARTED' } },
  });
  expect(disk.starts).toEqual([]);
});

test('what cannot be made ready fails with its reason', async () => {
  const order = orderFor({ home: 'n1' });
  await start(order);
  preparing.get('n1')?.fail(new LaunchError('MOUNT_REFUSED', 'nothing can be mounted at /: no'));
  await pass(0);
  expect(lastFact(order)).toMatchObject({
    phase: 'RELEASED',
    exit: { code: null, stopped: false, reason: { code: 'MOUNT_REFUSED' } },
  });
});

test('an order to remove a home ends with 0, and starts nothing', async () => {
  const order = orderFor({ home: 'n1', removeHome: true });
  await start(order);
  expect([removed, disk.starts]).toEqual([['n1'], []]);
  expect(lastFact(order)).toMatchObject({
    phase: 'RELEASED',
    exit: { code: 0, reason: null, stopped: false },
  });
  await hear([{ type: 'forget', instance: order.instance, attempt: 1 }]);
  expect(agent.running).toBe(0);
});

test('a worker that starts anew is told again, and makes it ready again', async () => {
  const order = orderFor({ home: 'n1' });
  await start(order);
  const first = preparing.get('n1');
  await open();
  await start(order);
  expect(preparing.get('n1')).not.toBe(first);
  preparing.get('n1')?.done();
  await pass(2);
  expect(disk.starts).toHaveLength(1);
});
