import type { StartOrder } from '@drover/core/wire';
import { FakeDisk, FakeMachine, type Script, VirtualClock } from '@drover/testkit';
import { beforeEach, expect, test } from 'vitest';
import { Attempt } from './attempt.ts';
import type { AttemptKey } from './ports.ts';

/** A machine that notes every signal, and on which a group or a port can be held beyond the end of the command. */
class TestMachine extends FakeMachine {
  readonly signals: string[] = [];
  groupHeld = false;
  portHeld = false;
  /** How many times SIGKILL has no effect. */
  toughness = 0;

  override async signal(key: AttemptKey, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.signals.push(`${signal} at ${clock.nowMs}`);
    if (signal === 'SIGKILL' && this.toughness > 0) {
      this.toughness -= 1;
      return;
    }
    if (signal === 'SIGKILL') this.groupHeld = false;
    await super.signal(key, signal);
  }
  override async isEmpty(key: AttemptKey): Promise<boolean> {
    return !this.groupHeld && (await super.isEmpty(key));
  }
  override async isReleased(key: AttemptKey): Promise<boolean> {
    return (await super.isReleased(key)) && !this.portHeld;
  }
}

const life = { dead: false, skewMs: 0 };
const nothing = (): void => undefined;
let clock: VirtualClock;
let disk: FakeDisk;
let machine: TestMachine;
/** Every phase that was told. */
let told: string[];

beforeEach(() => {
  clock = new VirtualClock();
  disk = new FakeDisk();
  machine = new TestMachine(disk, clock.view(life), life);
  told = [];
});

function attemptOf(script: Partial<Script> = {}, graceMs = 500): Attempt {
  const whole: Script = { runMs: 1e9, code: 0, ignoresTerm: false, failsToStart: false, ...script };
  const key = { instance: '00000000-0000-4000-9000-000000000001', attempt: 1 };
  const places = { venv: null, workdir: null, gpuIndices: [], cpu: 0, memoryMiB: 0 };
  const command = JSON.stringify(whole);
  const order: StartOrder = { ...key, name: null, command, env: {}, ...places, graceMs, logCapBytes: 1e6 };
  const ports = {
    clock: clock.view(life),
    machine,
    log: { info: nothing, warn: nothing, error: nothing },
    toBase64: (bytes: Uint8Array) => Buffer.from(bytes).toString('base64'),
    remember: async () => undefined,
    noteContact: nothing,
    dialLog: async () => undefined,
  };
  const attempt: Attempt = new Attempt(ports, key, order, () => told.push(attempt.phase));
  machine.onEnd((_, end) => attempt.ended(end));
  return attempt;
}

/** Lets so much time pass. */
async function pass(ms: number): Promise<void> {
  const until = clock.nowMs + ms;
  clock.after(ms, nothing);
  await clock.until(() => false, until);
}

async function running(script: Partial<Script> = {}, graceMs = 500): Promise<Attempt> {
  const attempt = attemptOf(script, graceMs);
  const launched = attempt.launch();
  await pass(1);
  await launched;
  expect(attempt.phase).toBe('RUNNING');
  return attempt;
}

test('a start that fails is an end with its reason', async () => {
  const attempt = attemptOf({ failsToStart: true });
  const launched = attempt.launch();
  await pass(1);
  await launched;
  expect(attempt.fact()).toMatchObject({
    phase: 'RELEASED',
    exit: { code: null, reason: { code: 'WORKDIR_NOT_FOUND' } },
  });
});

test('SIGTERM, the grace period, then SIGKILL again and again until nobody is left', async () => {
  const attempt = await running({ ignoresTerm: true });
  machine.toughness = 3;
  attempt.stop(500);
  await pass(10_000);
  const kills = [501, 1501, 2501, 3501].map((ms) => `SIGKILL at ${ms}`);
  expect(machine.signals).toEqual(['SIGTERM at 1', ...kills]);
  expect(attempt.fact()).toMatchObject({ phase: 'RELEASED', exit: { code: 137, stopped: true } });
});

test('a second stop shortens the grace period and never lengthens it', async () => {
  const attempt = await running({ ignoresTerm: true });
  attempt.stop(5_000);
  attempt.stop(60_000);
  await pass(100);
  attempt.stop(200);
  await pass(1_000);
  expect(machine.signals.find((line) => line.startsWith('SIGKILL'))).toBe('SIGKILL at 301');
});

test('the end of a stopped attempt is told when its whole group is gone', async () => {
  const attempt = await running();
  machine.groupHeld = true;
  attempt.stop(2_000);
  await pass(1_900);
  expect(attempt.fact()).toMatchObject({ phase: 'RUNNING', stopping: true, exit: null });
  await pass(1_000);
  expect(attempt.fact()).toMatchObject({ phase: 'RELEASED', exit: { code: 143, stopped: true } });
  expect(told).not.toContain('EXITED');
});

test('an end by itself is told at once, and whoever is left behind is ended', async () => {
  machine.groupHeld = true;
  const attempt = await running({ runMs: 10, code: 7 }, 300);
  await pass(20);
  expect(attempt.fact()).toMatchObject({ phase: 'EXITED', exit: { code: 7, stopped: false } });
  await pass(1_000);
  expect(machine.signals).toEqual(['SIGTERM at 11', 'SIGKILL at 311']);
  expect(attempt.phase).toBe('RELEASED');
});

test('a cancel waits five seconds for what is still held, then the end is told without it', async () => {
  const attempt = await running();
  machine.portHeld = true;
  attempt.stop(500);
  await pass(4_900);
  expect(attempt.phase).toBe('RUNNING');
  await pass(200);
  expect(attempt.fact()).toMatchObject({ phase: 'EXITED', exit: { code: 143, stopped: true } });
  machine.portHeld = false;
  await pass(600);
  expect(attempt.phase).toBe('RELEASED');
});

test('an end with nothing left behind is told once, as released', async () => {
  await running({ runMs: 10 });
  await pass(20);
  expect(told).toEqual(['RUNNING', 'RELEASED']);
});

test('a stop that cannot be noted is carried out, and is noted when it can be', async () => {
  const attempt = await running({ ignoresTerm: true });
  disk.failNext('noteStop', 3);
  attempt.stop(500);
  await pass(400);
  expect(machine.signals).toEqual(['SIGTERM at 1']);
  expect([...disk.processes.values()][0]?.stop).toEqual({ atMs: expect.any(Number), graceMs: 500 });
  await pass(200);
  expect(attempt.fact()).toMatchObject({ phase: 'RELEASED', exit: { code: 137, stopped: true } });
});

test('a SIGTERM that cannot be sent is sent again, and SIGKILL comes in its time', async () => {
  const attempt = await running();
  disk.failNext('signal', 2);
  attempt.stop(500);
  await pass(200);
  expect(attempt.fact()).toMatchObject({ phase: 'RELEASED', exit: { code: 143, stopped: true } });
  expect(machine.signals).toHaveLength(3);
});

test.each(['isEmpty', 'isReleased', 'release', 'logExtent'] as const)(
  'an end is finished though %s fails for a while, and is told meanwhile',
  async (method) => {
    const attempt = await running({ runMs: 10, code: 7 });
    disk.failNext(method, 12);
    await pass(500);
    expect(attempt.fact()).toMatchObject({ phase: 'EXITED', exit: { code: 7, stopped: false } });
    await pass(60_000);
    expect(attempt.fact()).toMatchObject({ phase: 'RELEASED', exit: { code: 7 } });
    expect(attempt.fact().log.size).toBeGreaterThan(0);
    expect(told).toEqual(['RUNNING', 'EXITED', 'RELEASED']);
  },
);

test('a small log that cannot be read does not ride in the report of the end', async () => {
  const attempt = await running({ runMs: 10 });
  disk.failNext('readLog', 1);
  await pass(20);
  expect(attempt.fact()).toMatchObject({ phase: 'RELEASED', inlineLog: null });
});

test('success without a signal that was sent is no stop', async () => {
  const attempt = attemptOf();
  const launched = attempt.launch();
  attempt.stop(500);
  attempt.ended({ code: 0, signal: null, reason: null, atMs: clock.view(life).wallMs() });
  await pass(1);
  await launched;
  await pass(600);
  expect(attempt.fact()).toMatchObject({ phase: 'RELEASED', exit: { code: 0, stopped: false } });
});

test('success that came before the signal, though it was seen after it, is no stop', async () => {
  const attempt = await running();
  await pass(1_000);
  const atMs = clock.view(life).wallMs() - 500;
  attempt.stop(500);
  attempt.ended({ code: 0, signal: null, reason: null, atMs });
  expect(attempt.fact().stopping).toBe(true);
  await pass(600);
  expect(attempt.fact()).toMatchObject({ phase: 'RELEASED', exit: { code: 0, stopped: false } });
});
