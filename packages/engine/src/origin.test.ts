/** What a call leaves behind it: in events, in the order to a worker, and in that worker's log. */
import { isFinal } from '@drover/core';
import { instanceSubmit } from '@drover/core/wire';
import { SIM_ACTOR, SimHerd } from '@drover/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import type { InstanceRow, Meter } from './index.ts';

const REQUEST = '0b9f8a52-6f0c-4a44-8f64-3d2f0c1a9b7e';
const TRACEPARENT = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
const CALLER = { ...SIM_ACTOR, requestId: REQUEST, traceparent: TRACEPARENT };

let herd: SimHerd;
let told: { [Call in keyof Meter]: Parameters<Meter[Call]>[0][] };
let traced: string[];

const engine = () => {
  if (!herd.engine) throw new Error('no head');
  return herd.engine;
};
const reach = async (holds: () => boolean): Promise<void> => {
  if (!(await herd.clock.until(holds, herd.clock.nowMs + 20_000))) throw new Error('not reached');
};
const rowOf = (id: string): InstanceRow => {
  const row = engine().state.tables.instances.get(id);
  if (!row) throw new Error(`no row ${id}`);
  return row;
};
const isDurable = (): boolean => engine().state.durableRev === engine().state.rev;
const submit = (actor = CALLER): InstanceRow => {
  const command = JSON.stringify({ runMs: 100, code: 0, ignoresTerm: false, failsToStart: false });
  return engine().instances.submit(actor, instanceSubmit.parse({ command }));
};
/** The causes of an instance's events, by what they say. */
const causesOf = async (id: string): Promise<Record<string, string | null>> => {
  const stored = await herd.store.page({ collection: 'events', owner: `instances/${id}`, limit: 100 });
  return Object.fromEntries(
    stored.map(({ status, body }) => [status, (JSON.parse(body) as { cause: string | null }).cause]),
  );
};

beforeEach(async () => {
  herd = new SimHerd(7);
  told = { committed: [], commitRefused: [], passed: [], ordered: [], heardLate: [], archived: [] };
  herd.meter = {
    committed: (batch) => void told.committed.push(batch),
    commitRefused: (failure) => void told.commitRefused.push(failure),
    passed: (pass) => void told.passed.push(pass),
    ordered: (order) => void told.ordered.push(order),
    heardLate: () => void told.heardLate.push(undefined as never),
    archived: (bytes) => void told.archived.push(bytes),
  };
  traced = [];
  herd.onTrace = (line) => traced.push(line);
  await herd.startHead();
  await herd.addWorker(4);
});

describe('the call that asked for an instance', () => {
  it('is the cause of its events, up to its end, and stands in the log of its worker', async () => {
    const { id } = submit();
    await reach(() => isFinal(rowOf(id).status) && isDurable());
    expect(await causesOf(id)).toEqual({
      submit: REQUEST,
      place: REQUEST,
      start: REQUEST,
      complete: REQUEST,
    });
    const started = traced.filter((line) => line.includes('an instance was started'));
    expect(started).toHaveLength(1);
    expect(started[0]).toContain(REQUEST);
  });

  it('gives way to the call that does something to it later', async () => {
    const { id } = submit();
    engine().instances.cancel({ ...SIM_ACTOR, requestId: 'another' }, id);
    await reach(isDurable);
    expect(await causesOf(id)).toMatchObject({ submit: REQUEST, cancel: 'another' });
  });

  it('is still known when the head has died', async () => {
    const { id } = submit();
    await reach(isDurable);
    herd.killHead();
    await herd.startHead();
    expect(rowOf(id).origin).toEqual({ requestId: REQUEST, traceparent: TRACEPARENT });
  });

  it('is nobody where no call has asked', async () => {
    const { id } = submit(SIM_ACTOR as typeof CALLER);
    expect(rowOf(id).origin).toBeUndefined();
  });
});

describe('the meter', () => {
  it('hears of commits, passes, orders and logs', async () => {
    const { id } = submit();
    await reach(() => rowOf(id).log?.archived === true);
    expect(told.committed.every(({ changes, ms }) => changes > 0 && ms >= 0)).toBe(true);
    expect(told.committed.length).toBeGreaterThan(2);
    expect(told.passed.reduce((sum, { placed }) => sum + placed, 0)).toBe(1);
    expect(told.ordered).toMatchObject([
      { instance: id, attempt: 1, origin: { requestId: REQUEST, traceparent: TRACEPARENT } },
    ]);
    expect(told.archived).toHaveLength(1);
  });

  it('hears of each refusal of the store, and how long the commit took in the end', async () => {
    await reach(isDurable);
    herd.store.failNext('full', 2);
    told.committed.length = 0;
    submit();
    await reach(() => told.committed.length > 0);
    expect(told.commitRefused).toEqual(['full', 'full']);
    expect(told.committed[0]?.ms).toBeGreaterThanOrEqual(300);
  });

  it('hears of a worker that is late', async () => {
    await reach(() => engine().state.tables.workers.all().next().value?.status === 'ONLINE');
    told.heardLate.length = 0;
    await herd.clock.until(() => false, herd.clock.nowMs + 1_000);
    expect(told.heardLate).toHaveLength(0);
    const [worker] = herd.workers;
    if (!worker) throw new Error('no worker');
    // Longer than two pings, and shorter than what makes it SUSPECT.
    const asleep = herd.freezeWorker(worker);
    await herd.clock.until(() => false, herd.clock.nowMs + 700);
    asleep.resume();
    await reach(() => told.heardLate.length > 0);
  });
});
