/** What a worker does not obey: what comes twice, out of turn, too late, or of an attempt that is over. */
import type { HeadFrame, HeadMessage, WorkerMessage } from '@drover/core/wire';
import { FakeDisk, FakeMachine, sampleOffer, VirtualClock } from '@drover/testkit';
import { beforeEach, expect, test } from 'vitest';
import { Agent } from './agent.ts';

const HERD = '00000000-0000-4000-8000-000000000001';
const LEASE_MS = 1_000;
const life = { dead: false, skewMs: 0 };
const nothing = (): void => undefined;
let clock: VirtualClock;
let disk: FakeDisk;
let agent: Agent;
let said: WorkerMessage[];
let resets: string[];

beforeEach(async () => {
  clock = new VirtualClock();
  disk = new FakeDisk();
  said = [];
  resets = [];
  life.skewMs = 0;
  agent = new Agent(
    {
      clock: clock.view(life),
      machine: new FakeMachine(disk, clock.view({ dead: false, skewMs: 0 }), life),
      log: { info: nothing, warn: nothing, error: nothing },
      toBase64: (bytes) => Buffer.from(bytes).toString('base64'),
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
  open();
});

function open(): void {
  agent.opened({
    send: (message) => said.push(structuredClone(message)) > 0,
    reset: (why) => void resets.push(why),
  });
}
async function pass(ms: number): Promise<void> {
  const until = clock.nowMs + ms;
  clock.after(ms, nothing);
  await clock.until(() => clock.nowMs > until, until);
}
async function hear(n: number, ...frames: HeadFrame[]): Promise<void> {
  const message: HeadMessage = { n, herd: HERD, epoch: 1, rev: 0, frames };
  agent.receive(message);
  await pass(3);
}
const welcome: HeadFrame = {
  type: 'welcome',
  protocol: 2,
  workerId: HERD,
  pingMs: 100,
  leaseMs: LEASE_MS,
  sendInventory: false,
};
const settled: HeadFrame = { type: 'settled' };
const start = (attempt = 1): HeadFrame => ({
  type: 'start',
  order: {
    instance: '00000000-0000-4000-9000-000000000009',
    attempt,
    name: null,
    command: JSON.stringify({ runMs: 1e9, code: 0, ignoresTerm: false, failsToStart: false }),
    env: {},
    venv: null,
    workdir: null,
    gpuIndices: [],
    cpu: 0,
    memoryMiB: 0,
    graceMs: 10,
    logCapBytes: 1e6,
  },
});

test('a message that comes twice is obeyed once', async () => {
  await hear(1, welcome, settled);
  await hear(2, start());
  await hear(2, start(2));
  expect(disk.starts).toHaveLength(1);
  expect(agent.refusedFrames).toBe(1);
  expect(resets).toEqual([]);
});

test('after a gap nothing is obeyed, and the link is dialled again', async () => {
  await hear(1, welcome, settled);
  await hear(3, start());
  await hear(2, start());
  expect(disk.starts).toEqual([]);
  expect(resets).toEqual(['message 3 came too early']);
});

test('an order waits until the head has judged what is here', async () => {
  await hear(1, welcome);
  await hear(2, start());
  expect(disk.starts).toEqual([]);
  await hear(3, settled);
  expect(disk.starts).toHaveLength(1);
});

test('P18: an order is not begun once the lease is over, but when the next head has settled', async () => {
  await hear(1, welcome, settled);
  // Stopped for longer than its lease: what waits in the socket comes before anything else.
  await pass(LEASE_MS + 500);
  await hear(2, start());
  expect(disk.starts).toEqual([]);
  agent.closed();
  open();
  await hear(1, welcome, settled);
  expect(disk.starts).toHaveLength(1);
});

test('T4: an order is not begun after the machine slept, before the head was asked', async () => {
  await hear(1, welcome, settled);
  life.skewMs += 60_000;
  await hear(2, start());
  expect(disk.starts).toEqual([]);
  await pass(200);
  expect(resets).toEqual(['this machine slept, or its clock was set']);
});

test('T4: an answer that waited in the socket while the machine slept does not hide that it slept', async () => {
  await hear(1, welcome, settled);
  const sentMs = clock.nowMs;
  life.skewMs += 60_000;
  await hear(2, { type: 'pong', sentMs }, start());
  expect(disk.starts).toEqual([]);
  await pass(200);
  agent.closed();
  open();
  await hear(1, welcome, settled, start());
  expect(disk.starts).toHaveLength(1);
});

test('an older attempt is not begun after a newer one', async () => {
  await hear(1, welcome, settled);
  await hear(2, start(2));
  await hear(3, start(1));
  expect(disk.starts).toEqual(['00000000-0000-4000-9000-000000000009/2']);
  expect(agent.refusedFrames).toBe(1);
});

test('each message carries its number, the fences and the highest revision that was seen', async () => {
  await hear(1, welcome, settled);
  agent.receive({ n: 2, herd: HERD, epoch: 1, rev: 77, frames: [start()] });
  await pass(5);
  expect(said.map(({ n }) => n)).toEqual(said.map((_, index) => index + 1));
  expect(said.at(-1)).toMatchObject({ herd: HERD, epoch: 1, rev: 77 });
});

test('S13: to a head that refuses the newest protocol the oldest is offered, and the newest again after that', async () => {
  const offered = (): unknown =>
    said.flatMap(({ frames }) => frames).findLast(({ type }) => type === 'hello');
  expect(offered()).toMatchObject({ protocol: 2, oldest: 1 });
  agent.offerOther();
  agent.closed();
  open();
  expect(offered()).toMatchObject({ protocol: 1 });
  // It welcomes as protocol 1 does, and never says that it has settled.
  await hear(1, { ...welcome, protocol: undefined }, start());
  expect(disk.starts).toHaveLength(1);
  // A newer head says that it speaks 1 to who offers that, and does as 1 does.
  agent.closed();
  open();
  await hear(1, { ...welcome, protocol: 1 }, start(2));
  expect(disk.starts).toHaveLength(2);
  agent.offerOther();
  agent.closed();
  open();
  expect(offered()).toMatchObject({ protocol: 2 });
});
