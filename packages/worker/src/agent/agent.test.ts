import type { AttemptFact, HeadFrame, StartOrder, WorkerMessage } from '@drover/core/wire';
import { FakeDisk, FakeMachine, type Script, sampleOffer, VirtualClock } from '@drover/testkit';
import { beforeEach, expect, test } from 'vitest';
import { Agent } from './agent.ts';
import type { AttemptKey, LogStream, Memory } from './ports.ts';
import { INLINE_LOG_BYTES, LINK_MESSAGE_BYTES } from './protocol.ts';

const HERD = '00000000-0000-4000-8000-000000000001';
const OTHER = '00000000-0000-4000-8000-000000000002';
const PING_MS = 200;
const LEASE_MS = 1_000;

class TestMachine extends FakeMachine {
  readonly signals: string[] = [];
  readonly removed: string[] = [];
  override async scan() {
    const found = await super.scan();
    duringScan?.();
    return found;
  }
  override async signal(key: AttemptKey, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.signals.push(`${signal} at ${clock.nowMs}`);
    await super.signal(key, signal);
  }
  override async remove(key: AttemptKey): Promise<void> {
    this.removed.push(key.instance);
    await super.remove(key);
  }
}

/** What happens on the machine after the scan has looked and before it is done. */
let duringScan: (() => void) | null = null;
let clock: VirtualClock;
let disk: FakeDisk;
let machine: TestMachine;
let agent: Agent;
let said: WorkerMessage[];
let resets: string[];
let remembered: Memory[];
let streams: LogStream[];
/** The disk is full: nothing can be remembered. */
let full: boolean;
let count = 0;

const life = { dead: false, skewMs: 0 };
const link = {
  send: (message: WorkerMessage) => said.push(structuredClone(message)) > 0,
  reset: (why: string) => void resets.push(why),
};
const nothing = (): void => undefined;

async function open(memory: Memory = { herd: HERD, epoch: 1, rev: 0 }): Promise<void> {
  machine = new TestMachine(disk, clock.view(life), life);
  agent = new Agent(
    {
      clock: clock.view(life),
      machine,
      log: { info: nothing, warn: nothing, error: nothing },
      toBase64: (bytes) => Buffer.from(bytes).toString('base64'),
      remember: async (what) => {
        if (full) throw new Error('ENOSPC');
        remembered.push(what);
      },
      noteContact: nothing,
      dialLog: async (stream) => void streams.push(stream),
    },
    { session: HERD, bootId: 'b', offer: sampleOffer(), memory, contactMs: null },
  );
  await agent.start();
  agent.opened(link);
}

/** Lets so much time pass; 0: all that is due now. */
const pass = async (ms: number): Promise<void> => {
  const until = clock.nowMs + ms;
  clock.after(ms, nothing);
  await clock.until(() => clock.nowMs > until, until);
};
const hear = async (frames: HeadFrame[], epoch = 1, herd = HERD): Promise<void> => {
  agent.receive({ herd, epoch, rev: 0, frames });
  await pass(0);
};
const welcome = (sendInventory = false): HeadFrame => ({
  type: 'welcome',
  workerId: HERD,
  pingMs: PING_MS,
  leaseMs: LEASE_MS,
  sendInventory,
});
const framesSaid = (type: string) => said.flatMap((message) => message.frames.filter((f) => f.type === type));
const lastFact = (key: AttemptKey): AttemptFact | undefined =>
  said
    .flatMap((message) => message.frames)
    .flatMap((frame) => (frame.type === 'report' || frame.type === 'inventory' ? frame.items : []))
    .findLast((fact) => fact.instance === key.instance);
const phases = (key: AttemptKey): string[] =>
  (framesSaid('report') as { items: AttemptFact[] }[])
    .flatMap(({ items }) => items)
    .filter((fact) => fact.instance === key.instance)
    .map((fact) => fact.phase);

function orderFor(script: Partial<Script> = {}, graceMs = 500): StartOrder {
  const whole = { runMs: 1e9, code: 0, ignoresTerm: false, failsToStart: false, ...script };
  count += 1;
  const instance = `00000000-0000-4000-9000-${String(count).padStart(12, '0')}`;
  const places = { venv: null, workdir: null, gpuIndices: [], cpu: 0, memoryMiB: 0 };
  const limits = { graceMs, logCapBytes: 1e6 };
  return { instance, attempt: 1, name: null, command: JSON.stringify(whole), env: {}, ...places, ...limits };
}
const start = (order: StartOrder): HeadFrame => ({ type: 'start', order });
const stop = (key: AttemptKey, graceMs = 500): HeadFrame => ({
  type: 'stop',
  instance: key.instance,
  attempt: key.attempt,
  graceMs,
});
const keyOf = ({ instance, attempt }: AttemptKey): AttemptKey => ({ instance, attempt });
const forget = (key: AttemptKey): HeadFrame => ({ type: 'forget', ...keyOf(key) });

async function running(order: StartOrder): Promise<StartOrder> {
  await hear([start(order)]);
  await pass(2);
  expect(lastFact(order)?.phase).toBe('RUNNING');
  return order;
}

beforeEach(async () => {
  clock = new VirtualClock();
  disk = new FakeDisk();
  said = [];
  resets = [];
  remembered = [];
  streams = [];
  full = false;
  await open();
  await hear([welcome()]);
});

test('a message of another herd is refused and counted, and the link is dialled again', async () => {
  await hear([start(orderFor()), start(orderFor())], 9, OTHER);
  await pass(10);
  expect(agent.refusedFrames).toBe(2);
  expect(disk.starts).toEqual([]);
  expect(resets).toEqual(['another herd']);
});

test('a message of a lower epoch is refused and counted; a higher one is remembered', async () => {
  await hear([welcome()], 5);
  expect(remembered).toEqual([{ herd: HERD, epoch: 5, rev: expect.any(Number) }]);
  await hear([start(orderFor())], 4);
  await pass(10);
  expect(agent.refusedFrames).toBe(1);
  expect(disk.starts).toEqual([]);
  expect(resets).toEqual(['an older epoch']);
});

test('a worker that has met no herd takes the first one', async () => {
  await open({ herd: null, epoch: 0, rev: 0 });
  await hear([welcome()], 3, OTHER);
  expect(remembered).toEqual([{ herd: OTHER, epoch: 3, rev: expect.any(Number) }]);
  expect(agent.refusedFrames).toBe(0);
});

test('a start that is told twice starts once, and what is here is told again', async () => {
  const order = orderFor();
  await hear([start(order), start(order)]);
  await pass(5);
  await hear([start(order)]);
  await pass(5);
  expect(disk.starts).toHaveLength(1);
  expect(phases(order)).toEqual(['PREPARING', 'RUNNING', 'RUNNING']);
});

test('an end that comes at once is one report, and it carries the log', async () => {
  const order = orderFor({ runMs: 0, code: 3 });
  await hear([start(order)]);
  await pass(5);
  expect(lastFact(order)).toMatchObject({ phase: 'RELEASED', exit: { code: 3, stopped: false } });
  expect(phases(order).filter((phase) => phase !== 'RUNNING')).toEqual(['RELEASED']);
  expect(Buffer.from(lastFact(order)?.inlineLog ?? '', 'base64').toString()).toMatch(/^start /);
});

test('what is stopped before it is started can start no more', async () => {
  const order = orderFor();
  await hear([stop(order), start(order)]);
  await pass(50);
  expect(disk.starts).toEqual([]);
  expect(lastFact(order)).toMatchObject({
    phase: 'RELEASED',
    exit: { stopped: true, reason: { code: 'NOT_STARTED' } },
  });
});

test('a stop during the launch waits for it, and follows it at once', async () => {
  const order = orderFor();
  await hear([start(order)]);
  await hear([stop(order)]);
  expect(machine.signals).toEqual([]);
  await pass(10);
  expect(machine.signals).toEqual(['SIGTERM at 1']);
  expect(lastFact(order)).toMatchObject({ phase: 'RELEASED', exit: { code: 143, stopped: true } });
});

test('a record is forgotten when it is released, and not before', async () => {
  const order = await running(orderFor());
  await hear([forget(order)]);
  expect(machine.removed).toEqual([]);
  await hear([stop(order)]);
  await pass(10);
  await hear([forget(order)]);
  expect(machine.removed).toEqual([order.instance]);
  expect(agent.running).toBe(0);
});

test('after a reconnect the whole inventory is sent when the head asks for it', async () => {
  const [left, ended] = [await running(orderFor()), await running(orderFor({ runMs: 10 }))];
  agent.closed();
  await pass(50);
  said = [];
  agent.opened(link);
  expect(framesSaid('hello')).toHaveLength(1);
  await hear([welcome(true)]);
  expect(framesSaid('inventory')).toMatchObject([
    {
      items: [
        { instance: left.instance, phase: 'RUNNING' },
        { instance: ended.instance, phase: 'RELEASED' },
      ],
    },
  ]);
});

test('a worker that restarts takes up what runs, and goes on with a stop', async () => {
  const [left, stopped] = [await running(orderFor()), await running(orderFor({ ignoresTerm: true }))];
  await hear([stop(stopped, 5_000)]);
  await open();
  await hear([welcome(true)]);
  expect(lastFact(left)).toMatchObject({ phase: 'RUNNING', stopping: false });
  expect(lastFact(stopped)).toMatchObject({ phase: 'RUNNING', stopping: true });
  await pass(5_100);
  expect(lastFact(stopped)).toMatchObject({ phase: 'RELEASED', exit: { code: 137, stopped: true } });
  expect(disk.starts).toHaveLength(2);
});

test('a log stream follows until the attempt is released', async () => {
  const order = await running(orderFor({ runMs: 100 }));
  await hear([{ type: 'sendLog', ...keyOf(order), ticket: 't', offset: 0, limit: null, follow: true }]);
  const bytes = streams[0]?.bytes[Symbol.asyncIterator]();
  expect(Buffer.from((await bytes?.next())?.value ?? []).toString()).toMatch(/^start /);
  let done = false;
  bytes?.next().then((result) => {
    done = result.done === true;
  }, nothing);
  await pass(50);
  expect(done).toBe(false);
  await pass(100);
  expect(done).toBe(true);
});

test('an end that comes while the scan is under way is not lost', async () => {
  const order = await running(orderFor({ runMs: 60_000 }));
  const exit = { code: 5, signal: null, reason: null, atMs: 1 };
  duringScan = () => {
    const process = disk.processes.get(`${order.instance}/${order.attempt}`);
    if (process) process.exit = exit;
    disk.listener?.(keyOf(order), exit);
  };
  await open();
  duringScan = null;
  await hear([welcome(true)]);
  await pass(100);
  expect(lastFact(order)).toMatchObject({ phase: 'RELEASED', exit: { code: 5 } });
});

test('a log that is not here is said to be not here, at once', async () => {
  const order = orderFor();
  await hear([{ type: 'sendLog', ...keyOf(order), ticket: 'gone', offset: 0, limit: null, follow: false }]);
  expect(framesSaid('noLog')).toEqual([{ type: 'noLog', ticket: 'gone' }]);
  expect(streams).toEqual([]);
});

test('no answer for as long as the lease: the link is dialled again', async () => {
  await pass(LEASE_MS / 2);
  expect(framesSaid('ping')).toHaveLength(2);
  await hear([{ type: 'pong', sentMs: clock.nowMs }]);
  await pass(LEASE_MS);
  expect(resets).toEqual([]);
  await pass(2 * PING_MS);
  expect(resets).toEqual(['the head does not answer']);
});

test('of hundreds that are queued a few are started in a turn, and an end between them is told', async () => {
  const first = await running(orderFor({ runMs: 10 }));
  await hear(Array.from({ length: 300 }, () => start(orderFor())));
  await pass(20);
  expect(lastFact(first)?.phase).toBe('RELEASED');
  expect(disk.starts.length).toBeLessThan(200);
  await pass(100);
  expect(disk.starts).toHaveLength(301);
});

/** Makes so many ended records, each with a log as large as may ride in a report. */
async function endedWithLogs(howMany: number): Promise<void> {
  for (let i = 0; i < howMany; i++) {
    const order = orderFor();
    const log = 'x'.repeat(INLINE_LOG_BYTES);
    const exit = { code: 0, signal: null, reason: null, atMs: clock.view(life).wallMs() };
    const process = { order, pid: 1, port: 1, startedAtMs: 1, exit, stop: null, log };
    disk.processes.set(`${order.instance}/1`, process);
  }
  await open();
  await pass(10);
  said = [];
}

test('an inventory of any number of records stays within what the link takes', async () => {
  await endedWithLogs(800);
  await hear([welcome(true)]);
  const [inventory] = framesSaid('inventory') as { items: AttemptFact[] }[];
  expect(inventory?.items).toHaveLength(800);
  expect(inventory?.items.every((item) => item.phase === 'RELEASED' && item.inlineLog === null)).toBe(true);
  const sizes = said.map((message) => JSON.stringify(message).length);
  expect(Math.max(...sizes)).toBeLessThan(5 * 1024 * 1024);
  expect(said.at(-1)?.frames[0]?.type).toBe('inventory');
  const sum = sizes.reduce((a, b) => a + b);
  expect(sum).toBeLessThan(LINK_MESSAGE_BYTES + 2 * 1024 * 1024);
});

test('reports are bounded by the bytes of the logs in them', async () => {
  await endedWithLogs(300);
  await hear([welcome()]);
  const reports = framesSaid('report') as { items: AttemptFact[] }[];
  expect(reports.flatMap(({ items }) => items).filter((item) => item.inlineLog)).toHaveLength(300);
  expect(reports.length).toBeGreaterThan(1);
  expect(Math.max(...reports.map((frame) => JSON.stringify(frame).length))).toBeLessThan(5 * 1024 * 1024);
});

test('a head that takes the hello and says nothing is dialled again', async () => {
  agent.closed();
  agent.opened(link);
  await pass(14_000);
  expect(resets).toEqual([]);
  await pass(2_000);
  expect(resets).toEqual(['the head does not welcome this worker']);
});

test('with a full disk a later head is obeyed, and nothing begun before it is written down who that is', async () => {
  const earlier = await running(orderFor({ ignoresTerm: false }));
  full = true;
  const order = orderFor();
  await hear([welcome(), start(order), stop(earlier)], 5);
  await pass(1_000);
  expect(resets).toEqual([]);
  expect(disk.starts).not.toContain(`${order.instance}/1`);
  expect(lastFact(earlier)?.phase).toBe('RELEASED');
  full = false;
  await pass(10_000);
  await hear([{ type: 'pong', sentMs: clock.nowMs }], 5);
  await pass(5);
  expect(remembered.at(-1)).toMatchObject({ herd: HERD, epoch: 5 });
  expect(disk.starts).toContain(`${order.instance}/1`);
});

test('what is stopped while it waits for its start is never started', async () => {
  const orders = Array.from({ length: 40 }, () => orderFor());
  const last = orders.at(-1) as StartOrder;
  await hear([...orders.map(start), stop(last)]);
  await pass(50);
  expect(disk.starts).toHaveLength(39);
  expect(lastFact(last)).toMatchObject({
    phase: 'RELEASED',
    exit: { stopped: true, reason: { code: 'NOT_STARTED' } },
  });
  await hear([forget(last)]);
  expect(machine.removed).toEqual([last.instance]);
});

/** What a worker leaves that dies between the record of an attempt and its process. */
function recorded(stopped: boolean): StartOrder {
  const order = orderFor();
  const note = { atMs: clock.view(life).wallMs(), graceMs: 500 };
  const process = {
    order,
    pid: 1,
    port: 1,
    startedAtMs: null,
    exit: null,
    stop: stopped ? note : null,
    log: '',
  };
  disk.processes.set(`${order.instance}/1`, process);
  return order;
}

test('after a restart an attempt that was recorded and stopped is not started', async () => {
  const [plain, stopped] = [recorded(false), recorded(true)];
  await open();
  await hear([welcome(true)]);
  await pass(10);
  expect(disk.starts).toEqual([`${plain.instance}/1`]);
  expect(lastFact(stopped)).toMatchObject({ phase: 'RELEASED', exit: { reason: { code: 'NOT_STARTED' } } });
  expect(disk.processes.has(`${stopped.instance}/1`)).toBe(false);
});

test('an attempt that cannot be withdrawn is started, then stopped', async () => {
  const stopped = recorded(true);
  disk.failNext('withdraw');
  await open();
  await hear([welcome(true)]);
  await pass(20);
  expect(disk.starts).toHaveLength(1);
  expect(lastFact(stopped)).toMatchObject({ phase: 'RELEASED', exit: { code: 143, stopped: true } });
});

test('a stop during the launch is noted, so that a worker that restarts then starts nothing', async () => {
  const order = orderFor();
  await hear([start(order)]);
  await hear([stop(order)]);
  expect(disk.processes.get(`${order.instance}/1`)?.stop).toMatchObject({ graceMs: 500 });
});

test('what the head does not know is kept, but not for ever once it has ended', async () => {
  const [left, ended] = [await running(orderFor()), await running(orderFor({ runMs: 10 }))];
  await pass(20);
  const unknown = (key: AttemptKey): HeadFrame => ({ type: 'unknown', ...keyOf(key) });
  await hear([unknown(left), unknown(ended)]);
  expect(machine.removed).toEqual([]);
  agent.closed();
  await pass(7 * 24 * 3_600_000);
  agent.opened(link);
  await hear([unknown(left), unknown(ended)]);
  expect(machine.removed).toEqual([ended.instance]);
  expect(agent.running).toBe(1);
});
