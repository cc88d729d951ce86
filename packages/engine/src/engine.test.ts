/** The engine's promises, one by one, on virtual time: real engine, real agents, a store that can be told to fail. */
import { isFinal } from '@drover/core';
import { instanceSubmit } from '@drover/core/wire';
import { codeOf, SIM_ACTOR, SimHerd, type SimWorker, sampleOffer } from '@drover/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Engine, InstanceRow } from './index.ts';

let herd: SimHerd;
let worker: SimWorker;

const engine = () => {
  if (!herd.engine) throw new Error('no head');
  return herd.engine;
};
const submit = (
  want: { runMs?: number; code?: number; ignoresTerm?: boolean } & Record<string, unknown> = {},
  options = {},
): InstanceRow => {
  const { runMs = 100, code = 0, ignoresTerm = false, ...rest } = want;
  const command = JSON.stringify({ runMs, code, ignoresTerm, failsToStart: false });
  return engine().instances.submit(SIM_ACTOR, instanceSubmit.parse({ command, ...rest }), options);
};
const rowOf = (id: string): InstanceRow => {
  const row = engine().state.tables.instances.get(id);
  if (!row) throw new Error(`no row ${id}`);
  return row;
};
const reach = async (what: string, holds: () => boolean, limitMs = 20_000): Promise<void> => {
  if (!(await herd.clock.until(holds, herd.clock.nowMs + limitMs))) throw new Error(`not reached: ${what}`);
};
const pass = async (ms: number): Promise<void> => {
  await herd.clock.until(() => false, herd.clock.nowMs + ms);
};
/** The outcome of a promise that needs virtual time to pass. */
const settle = async <T>(promise: Promise<T>): Promise<T> => {
  let done = false;
  const mark = (): void => {
    done = true;
  };
  promise.then(mark, mark);
  await reach('a promise settles', () => done, 120_000);
  return promise;
};

beforeEach(async () => {
  herd = new SimHerd(42);
  await herd.startHead();
  worker = await herd.addWorker(4);
  await reach(
    'the worker is ONLINE',
    () => engine().state.tables.workers.get(worker.id)?.status === 'ONLINE',
  );
});

describe('durability', () => {
  it('shows nothing to anybody before it is stored', async () => {
    herd.store.pause();
    const row = submit();
    let answered = false;
    const read = engine()
      .reads.find(row.id)
      .then((found) => {
        answered = true;
        return found;
      });
    await pass(1_000);
    expect(answered).toBe(false);
    expect(worker.disk.starts).toEqual([]);
    herd.store.resume();
    expect((await settle(read))?.id).toBe(row.id);
  });

  it('stores a submission and its placement in one commit', async () => {
    const row = submit();
    await settle(engine().state.durable(row.rev));
    expect((await herd.store.get('instances', row.id))?.status).toBe('ASSIGNED');
  });

  it('refuses writes while the disk is full, answers reads of what is stored, and goes on by itself', async () => {
    const before = submit({ runMs: 60_000 });
    await settle(engine().state.durable());
    herd.store.failNext('full', 1_000);
    const caught = submit();
    await expect(settle(engine().state.durable(caught.rev))).rejects.toMatchObject({ code: 'STORE_FULL' });
    expect(codeOf(() => submit())).toBe('STORE_FULL');
    expect(codeOf(() => engine().instances.cancel(SIM_ACTOR, before.id))).toBe('STORE_FULL');
    expect((await settle(engine().reads.find(before.id)))?.id).toBe(before.id);
    herd.store.healNow();
    await reach('the store takes writes again', () => engine().state.stalled === null);
    await settle(engine().state.durable());
    expect(isFinal(rowOf(caught.id).status) || rowOf(caught.id).status !== 'PENDING').toBe(true);
    expect(codeOf(() => submit())).toBeNull();
  });

  it('drops a transaction whole when it throws', () => {
    const { rev } = engine().state;
    expect(() =>
      engine().state.transact(SIM_ACTOR, (tx) => {
        tx.put('meta', { id: 'x', project: 'p', name: null, status: 'SET', owner: null, value: 'v' });
        throw new Error('no');
      }),
    ).toThrow('no');
    expect(engine().state.tables.meta.get('x')).toBeUndefined();
    expect(engine().state.rev).toBe(rev);
  });
});

describe('names', () => {
  it('are unique among those that have not ended, and the newest wins among those that have', async () => {
    const first = submit({ name: 'web', runMs: 10 });
    expect(codeOf(() => submit({ name: 'web' }))).toBe('NAME_TAKEN');
    await reach('the first ends', () => isFinal(rowOf(first.id).status));
    const second = submit({ name: 'web', runMs: 10 });
    await reach('the second ends', () => isFinal(rowOf(second.id).status));
    expect((await settle(engine().reads.byName(SIM_ACTOR, 'web')))?.id).toBe(second.id);
    expect(codeOf(() => submit({ name: 'web' }, { nameScope: 'stored' }))).toBe('NAME_TAKEN');
  });

  it('and beginnings of ids find an instance, but never two', async () => {
    const rows = Array.from({ length: 40 }, () => submit({ resources: { cpu: 100 } }));
    const row = rows[0] as InstanceRow;
    expect((await settle(engine().reads.resolve(SIM_ACTOR, row.id.slice(0, 13)))).id).toBe(row.id);
    await expect(settle(engine().reads.resolve(SIM_ACTOR, 'abc'))).rejects.toMatchObject({
      code: 'INSTANCE_NOT_FOUND',
    });
  });
});

describe('ends', () => {
  it('keep exit code, reason and attempt', async () => {
    const good = submit();
    const bad = submit({ code: 7 });
    await reach('both end', () => isFinal(rowOf(good.id).status) && isFinal(rowOf(bad.id).status));
    expect(rowOf(good.id)).toMatchObject({ status: 'COMPLETED', exitCode: 0, attempt: 1, released: true });
    expect(rowOf(bad.id)).toMatchObject({ status: 'FAILED', exitCode: 7, reason: null });
    expect(engine().scheduler.ledger.rooms.get(worker.id)?.used.cpu).toBe(0);
  });

  it('wake whoever waits, at the moment when they are durable', async () => {
    const row = submit({ runMs: 3_000 });
    const begun = herd.clock.nowMs;
    const ended = await settle(engine().reads.wait(row.id, 'final', 60_000));
    expect(ended.status).toBe('COMPLETED');
    expect(herd.clock.nowMs - begun).toBeLessThan(3_200);
  });

  it('are not waited for longer than was asked', async () => {
    const row = submit({ runMs: 60_000 });
    const begun = herd.clock.nowMs;
    const seen = await settle(engine().reads.wait(row.id, 'final', 500));
    expect(isFinal(seen.status)).toBe(false);
    expect(herd.clock.nowMs - begun).toBeLessThan(600);
  });
});

describe('cancel', () => {
  it('ends what waits at once', () => {
    const row = submit({ resources: { cpu: 100 } });
    expect(engine().instances.cancel(SIM_ACTOR, row.id).status).toBe('CANCELLED');
    expect(engine().scheduler.ledger.waiting).toBe(0);
    expect(codeOf(() => engine().instances.cancel(SIM_ACTOR, row.id))).toBe('ALREADY_FINAL');
  });

  it('shows as CANCELLING until the last process has gone, and keeps the exit code', async () => {
    const row = submit({ runMs: 600_000, ignoresTerm: true, graceMs: 2_000 });
    await reach('it runs', () => rowOf(row.id).status === 'RUNNING');
    engine().instances.cancel(SIM_ACTOR, row.id);
    engine().instances.cancel(SIM_ACTOR, row.id);
    expect(engine().views.instance(rowOf(row.id)).displayStatus).toBe('CANCELLING');
    const begun = herd.clock.nowMs;
    await reach('it ends', () => isFinal(rowOf(row.id).status));
    expect(herd.clock.nowMs - begun).toBeGreaterThanOrEqual(2_000);
    expect(rowOf(row.id)).toMatchObject({ status: 'CANCELLED', exitCode: 137 });
  });

  it('can be hastened by a shorter grace period', async () => {
    const row = submit({ runMs: 600_000, ignoresTerm: true, graceMs: 60_000 });
    await reach('it runs', () => rowOf(row.id).status === 'RUNNING');
    engine().instances.cancel(SIM_ACTOR, row.id);
    await pass(500);
    engine().instances.cancel(SIM_ACTOR, row.id, 100);
    await reach('it ends', () => isFinal(rowOf(row.id).status), 2_000);
  });
});

describe('delete', () => {
  it('of something that runs cancels it first; the record goes with its processes', async () => {
    const row = submit({ runMs: 600_000 });
    await reach('it runs', () => rowOf(row.id).status === 'RUNNING');
    expect(engine().instances.delete(SIM_ACTOR, row.id)).toBe(false);
    expect(rowOf(row.id).deleting).not.toBeNull();
    await reach('the record goes', () => engine().state.tables.instances.get(row.id) === undefined);
    await reach('nothing is left', () => worker.disk.processes.size === 0);
    expect(await settle(engine().reads.find(row.id))).toBeNull();
  });

  it('of what has ended removes it at once, its log too', async () => {
    const row = submit();
    await reach('it ends', () => rowOf(row.id).log?.archived === true && isFinal(rowOf(row.id).status));
    expect(engine().instances.delete(SIM_ACTOR, row.id)).toBe(true);
    await settle(engine().state.durable());
    expect(await settle(engine().reads.find(row.id))).toBeNull();
  });
});

describe('a worker that goes away', () => {
  const statusOf = () => engine().state.tables.workers.get(worker.id)?.status;

  it('is SUSPECT at once when its link breaks, OFFLINE later, and its instances are UNKNOWN until it is back', async () => {
    const row = submit({ runMs: 600_000 });
    await reach('it runs', () => rowOf(row.id).status === 'RUNNING');
    herd.setCut(worker, true);
    await reach('SUSPECT', () => statusOf() === 'SUSPECT', 200);
    expect(rowOf(row.id).status).toBe('RUNNING');
    await reach('OFFLINE', () => statusOf() === 'OFFLINE', 6_000);
    expect(rowOf(row.id).status).toBe('UNKNOWN');
    expect(engine().views.instance(rowOf(row.id)).reason?.code).toBe('WORKER_OFFLINE');
    herd.setCut(worker, false);
    await reach('back', () => statusOf() === 'ONLINE' && rowOf(row.id).status === 'RUNNING');
    expect(rowOf(row.id)).toMatchObject({ attempt: 1 });
    expect(worker.disk.starts).toHaveLength(1);
  });

  it('can be given up: what was forgotten is FAILED and stopped when the worker returns', async () => {
    const row = submit({ runMs: 600_000 });
    await reach('it runs', () => rowOf(row.id).status === 'RUNNING');
    expect(codeOf(() => engine().instances.forget(SIM_ACTOR, row.id))).toBe('NOT_UNKNOWN');
    expect(codeOf(() => engine().workers.delete(SIM_ACTOR, worker.id))).toBe('WORKER_NOT_OFFLINE');
    herd.setCut(worker, true);
    await reach('UNKNOWN', () => rowOf(row.id).status === 'UNKNOWN');
    engine().instances.forget(SIM_ACTOR, row.id);
    expect(rowOf(row.id)).toMatchObject({ status: 'FAILED', reason: { code: 'FORGOTTEN' } });
    herd.setCut(worker, false);
    await reach('nothing is left on the worker', () => worker.disk.processes.size === 0);
    expect(rowOf(row.id).status).toBe('FAILED');
  });

  it('never leaves a cancel under way for ever: giving up makes it CANCELLED', async () => {
    const row = submit({ runMs: 600_000 });
    await reach('it runs', () => rowOf(row.id).status === 'RUNNING');
    herd.setCut(worker, true);
    await reach('UNKNOWN', () => rowOf(row.id).status === 'UNKNOWN');
    engine().instances.cancel(SIM_ACTOR, row.id);
    expect(engine().views.instance(rowOf(row.id)).displayStatus).toBe('CANCELLING');
    engine().workers.delete(SIM_ACTOR, worker.id);
    expect(rowOf(row.id).status).toBe('CANCELLED');
  });

  it('is not judged by a head that did not run itself', async () => {
    const row = submit({ runMs: 600_000 });
    await reach('it runs', () => rowOf(row.id).status === 'RUNNING');
    // The head is stopped for a minute: its timers come late, all at once, before any message.
    const frozen = herd.freezeHead();
    await pass(60_000);
    frozen.resume();
    await pass(50);
    expect(rowOf(row.id).status).toBe('RUNNING');
    await pass(10_000);
    expect(rowOf(row.id).status).toBe('RUNNING');
    expect(statusOf()).toBe('ONLINE');
  });
});

describe('a head that knows less than its workers', () => {
  it('started on an empty folder kills nothing and shows what it found', async () => {
    const row = submit({ runMs: 600_000 });
    await reach('it runs', () => rowOf(row.id).status === 'RUNNING');
    herd.killHead();
    herd.loseOneFromStore(row.id);
    await herd.startHead();
    await reach('ONLINE again', () => engine().state.tables.workers.get(worker.id)?.status === 'ONLINE');
    await pass(5_000);
    const view = engine().views.worker(engine().state.tables.workers.get(worker.id) as never);
    expect(view.unknownInstances).toEqual([{ instance: row.id, attempt: 1 }]);
    expect([...worker.disk.processes.values()].filter((process) => !process.exit)).toHaveLength(1);
  });

  it('goes above an epoch that a worker has seen', async () => {
    worker.memory = { ...worker.memory, epoch: 50 };
    herd.killWorker(worker);
    await herd.startWorker(worker);
    await reach('the epoch is above it', () => engine().state.epoch > 1);
    expect(engine().state.epoch).toBe(51);
  });
});

describe('fences', () => {
  const fact = (row: InstanceRow, phase: 'RUNNING' | 'RELEASED') => ({
    instance: row.id,
    attempt: row.attempt,
    phase,
    stopping: false,
    pid: 1,
    port: 1,
    startedAtMs: 1,
    exit: { code: 0, signal: null, reason: null, atMs: 1, stopped: false },
    log: { available: 0, size: 0 },
    inlineLog: null,
  });
  const port = { send: () => undefined, close: () => undefined };

  it('let nobody report who has not said hello, or whose link was replaced', async () => {
    const row = submit({ runMs: 600_000 });
    await reach('it runs', () => rowOf(row.id).status === 'RUNNING');
    const stranger = engine().openSession(worker.id, port);
    stranger.receive({
      herd: engine().herd,
      epoch: 1,
      frames: [{ type: 'report', items: [fact(rowOf(row.id), 'RELEASED')] }],
    });
    await pass(100);
    expect(rowOf(row.id).status).toBe('RUNNING');
    expect(engine().links.refusedFrames).toBeGreaterThan(0);
  });

  it('leave alone what another worker runs under the same attempt: this state is the older one', async () => {
    const row = submit({ runMs: 600_000 });
    await reach('it runs', () => rowOf(row.id).status === 'RUNNING');
    const other = await herd.addWorker(4);
    await reach(
      'the other is ONLINE',
      () => engine().state.tables.workers.get(other.id)?.status === 'ONLINE',
    );
    const { order } = [...worker.disk.processes.values()][0] as never as { order: never };
    other.disk.processes.set(`${row.id}/1`, {
      order,
      pid: 7,
      port: 7,
      startedAtMs: 1,
      exit: null,
      stop: null,
      log: '',
    });
    herd.killWorker(other);
    await pass(500);
    await herd.startWorker(other);
    await pass(5_000);
    expect(other.disk.processes.get(`${row.id}/1`)?.exit).toBeNull();
    const view = engine().views.worker(engine().state.tables.workers.get(other.id) as never);
    expect(view.unknownInstances).toEqual([{ instance: row.id, attempt: 1 }]);
  });

  it('do not let one broken worker raise the epoch beyond use', async () => {
    const closed: number[] = [];
    const session = engine().openSession(worker.id, { ...port, close: (code) => closed.push(code) });
    const offer = sampleOffer();
    herd.killWorker(worker);
    await pass(1_000);
    session.receive({
      herd: engine().herd,
      epoch: Number.MAX_SAFE_INTEGER,
      frames: [
        { type: 'hello', protocol: 1, session: herd.random.uuid(), bootId: 'b', offer, digest: 0, wallMs: 0 },
      ],
    });
    await pass(100);
    expect(closed).toEqual([4400]);
    expect(engine().state.epoch).toBe(1);
  });
});

describe('a deletion that the worker could not be told of', () => {
  it('is told when the worker is back, and the record does not stay as unknown', async () => {
    const row = submit({ runMs: 100 });
    await reach('it runs', () => rowOf(row.id).status === 'RUNNING');
    herd.setCut(worker, true);
    await reach('UNKNOWN', () => rowOf(row.id).status === 'UNKNOWN');
    engine().instances.forget(SIM_ACTOR, row.id);
    expect(engine().instances.delete(SIM_ACTOR, row.id)).toBe(true);
    await settle(engine().state.durable());
    herd.killHead();
    await herd.startHead();
    expect(worker.disk.processes.size).toBe(1);
    herd.setCut(worker, false);
    await reach('the record has gone', () => worker.disk.processes.size === 0);
    const view = engine().views.worker(engine().state.tables.workers.get(worker.id) as never);
    expect(view.unknownInstances).toEqual([]);
    herd.killWorker(worker);
    await herd.startWorker(worker);
    await reach('the stone has gone too', () => engine().state.tables.tombstones.size === 0);
  });
});

describe('a list', () => {
  it('of large instances comes in pages of some megabytes, with each of them once', async () => {
    const env = Object.fromEntries(
      Array.from({ length: 8 }, (_, at) => [`LARGE_${at}`, 'x'.repeat(130_000)]),
    );
    const ids = Array.from({ length: 30 }, () => submit({ runMs: 100_000, env }).id);
    await settle(engine().state.durable());
    for (const status of [undefined, ['PENDING', 'ASSIGNED', 'RUNNING'] as const]) {
      const found: string[] = [];
      let cursor: string | null = null;
      let pages = 0;
      do {
        const query = { limit: 1_000, ...(status && { status: [...status] }), ...(cursor && { cursor }) };
        const page: Awaited<ReturnType<Engine['reads']['list']>> = await settle(
          engine().reads.list(SIM_ACTOR, query),
        );
        expect(page.rows.length).toBeLessThan(10);
        found.push(...page.rows.map((row) => row.id));
        cursor = page.nextCursor;
        pages += 1;
      } while (cursor !== null);
      expect([pages, found]).toEqual([4, ids.toReversed()]);
    }
  });
});

describe('what waits', () => {
  it('says why, for one and in a list of thousands', async () => {
    const giant = submit({ resources: { cpu: 100 } });
    const many = Array.from({ length: 2_000 }, () => submit({ resources: { cpu: 4, gpus: 1 } }));
    await settle(engine().state.durable());
    expect(engine().views.explanation(rowOf(giant.id))).toMatchObject({
      neverFits: true,
      position: 0,
      reason: { code: 'NEVER_FITS' },
    });
    const views = engine().views.instances(many.map((row) => rowOf(row.id)));
    expect(new Set(views.map((view) => view.reason?.code))).toEqual(new Set(['NEVER_FITS']));
    const last = engine().views.explanation(rowOf((many.at(-1) as InstanceRow).id));
    expect(last.position).toBe(2_000);
    expect(last.workers[0]?.failing.map((each) => each.constraint)).toEqual(['gpus']);
  });

  it('without any worker says so', async () => {
    const empty = new SimHerd(1);
    await empty.startHead();
    herd = empty;
    const row = submit();
    expect(engine().views.explanation(row).reason?.code).toBe('NO_WORKERS');
  });
});

describe('after a restart', () => {
  it('a submission with the same idempotency key is still the same instance', async () => {
    const row = submit({}, { idempotencyKey: 'k' });
    await settle(engine().state.durable());
    herd.killHead();
    await herd.startHead();
    expect(submit({}, { idempotencyKey: 'k' }).id).toBe(row.id);
  });

  it('the events of before can still be followed, from the very first', async () => {
    const row = submit();
    await reach('it ends', () => isFinal(rowOf(row.id).status));
    await settle(engine().state.durable());
    herd.killHead();
    await herd.startHead();
    const types: string[] = [];
    engine().events.follow(SIM_ACTOR, 0, { id: row.id }, (event) => types.push(event.type));
    expect(types).toEqual(['submit', 'place', 'start', 'complete']);
  });

  it('the revision goes on, never back', async () => {
    submit();
    await settle(engine().state.durable());
    const { rev } = engine().state;
    herd.killHead();
    await herd.startHead();
    expect(engine().state.rev).toBeGreaterThan(rev);
  });
});

describe('what poisons', () => {
  it('S2: an instance that loses worker after worker is given no further one', async () => {
    const row = submit({ runMs: 600_000, onWorkerLost: 'replace', lostAfterMs: 1_000 });
    for (let losses = 0; losses < 5; losses += 1) {
      await reach('it runs somewhere', () => ['RUNNING', 'FAILED'].includes(rowOf(row.id).status), 60_000);
      const victim = herd.workers.find((each) => each.id === rowOf(row.id).workerId) as SimWorker;
      // It takes the machine down with it.
      herd.killWorker(victim);
      const spare = await herd.addWorker(4);
      await reach(
        'the spare is there',
        () => engine().state.tables.workers.get(spare.id)?.status === 'ONLINE',
      );
      await reach(
        'the loss is noticed',
        () => rowOf(row.id).workerId !== victim.id || isFinal(rowOf(row.id).status),
        60_000,
      );
    }
    expect(rowOf(row.id)).toMatchObject({ status: 'FAILED', reason: { code: 'TOO_MANY_LOSSES' } });
  });

  it('S3: a worker on which every start fails gets nothing new for a while, and says so; others go on', async () => {
    const other = await herd.addWorker(1);
    await reach('both are ONLINE', () => engine().state.tables.workers.get(other.id)?.status === 'ONLINE');
    worker.disk.failNext('launch', 1_000);
    const rows = Array.from({ length: 8 }, () => submit({ runMs: 10, resources: { cpu: 1 } }));
    await reach('all have ended', () => rows.every((row) => isFinal(rowOf(row.id).status)), 60_000);
    const bad = engine().views.worker(engine().state.tables.workers.get(worker.id) as never);
    expect(bad.reason).toMatchObject({ code: 'PAUSED' });
    const after = submit({ runMs: 10 });
    await reach('it has run', () => isFinal(rowOf(after.id).status));
    expect(rowOf(after.id)).toMatchObject({ status: 'COMPLETED', workerId: other.id });
    worker.disk.failNext('launch', 0);
    await pass(70_000);
    const late = [submit({ runMs: 1_000, resources: { cpu: 2 } })];
    await reach('they have run', () => late.every((row) => isFinal(rowOf(row.id).status)), 60_000);
    expect(late.some((row) => rowOf(row.id).workerId === worker.id)).toBe(true);
  });
});
