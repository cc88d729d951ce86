/** Scenarios of the reliability catalogue (B3) that happen between two steps, or never end, on virtual time. */
import { isDroverError } from '@drover/core';
import { SIM_ACTOR, type SimWorker } from '@drover/testkit';
import { describe, expect, it } from 'vitest';
import { Desk } from './desk.ts';

describe('P3: kill -9 of the head between two steps', () => {
  it('at every moment of a submission, its start and its end leaves one run with its right end', async () => {
    for (let atMs = 0; atMs < 400; atMs += 7) {
      const desk = await Desk.open(2, 1_000 + atMs);
      const row = desk.submit({ runMs: 150, code: 3 });
      let acknowledged = false;
      desk.engine.state.durable().then(
        () => {
          acknowledged = true;
        },
        () => undefined,
      );
      await desk.pass(atMs);
      desk.herd.killHead();
      await desk.pass(100);
      await desk.herd.startHead();
      const survived = desk.engine.state.tables.instances.get(row.id) !== undefined;
      expect(survived || !acknowledged, `killed after ${atMs} ms: lost`).toBe(true);
      if (!survived) continue;
      await desk.status(row.id, 'FAILED');
      expect(desk.row(row.id), `killed after ${atMs} ms`).toMatchObject({ exitCode: 3, attempt: 1 });
      expect(desk.starts(row.id)).toEqual([`${row.id}/1`]);
    }
  });
});

describe('P15: a command that no signal ends', () => {
  it('shows that it is being stopped and why, holds what it has, and keeps its worker from nothing', async () => {
    const desk = await Desk.open(1);
    const [worker] = desk.herd.workers as [SimWorker];
    const stuck = desk.submit({ runMs: 3_600_000, resources: { cpu: 1 }, graceMs: 100 });
    await desk.status(stuck.id, 'RUNNING');
    // As in an uninterruptible sleep: signals are taken and do nothing.
    worker.disk.deafTo.add(`${stuck.id}/1`);
    desk.engine.instances.cancel(SIM_ACTOR, stuck.id);
    await desk.pass(60_000);
    const { status, reason } = desk.engine.views.explanation(desk.row(stuck.id));
    expect(status).toBe('CANCELLING');
    expect(reason?.message).toContain('SIGKILL');
    const other = desk.submit({ runMs: 100 });
    await desk.status(other.id, 'COMPLETED');
    expect(desk.engine.scheduler.ledger.rooms.get(worker.id)?.free.cpu).toBe(3);
    worker.disk.deafTo.clear();
    await desk.status(stuck.id, 'CANCELLED');
  });
});

describe('S6: a cancel', () => {
  it('that races the end gives one final state, whenever it comes', async () => {
    const seen = new Set<string>();
    for (let atMs = 0; atMs < 220; atMs += 3) {
      const desk = await Desk.open(1, 3_000 + atMs);
      const row = desk.submit({ runMs: 100 });
      await desk.pass(atMs);
      let refused = false;
      try {
        desk.engine.instances.cancel(SIM_ACTOR, row.id);
      } catch (error) {
        refused = isDroverError(error) && error.code === 'ALREADY_FINAL';
        expect(refused).toBe(true);
      }
      await desk.reach('it ends', () => desk.row(row.id).endedMs !== null);
      await desk.pass(1_000);
      const { status } = desk.row(row.id);
      seen.add(status);
      if (refused) expect(status).toBe('COMPLETED');
      // Success that came before the signal stays success; a cancel that was in time says CANCELLED.
      const didComplete = desk.herd.workers[0]?.disk.completed.has(`${row.id}/1`) ?? false;
      if (status === 'COMPLETED') expect(didComplete).toBe(true);
      expect(
        desk.eventsOf(row.id).filter((type) => ['complete', 'cancel', 'fail'].includes(type)),
      ).toHaveLength(1);
    }
    expect([...seen].sort()).toEqual(['CANCELLED', 'COMPLETED']);
  });

  it('that comes twice is one, and one of nothing is refused', async () => {
    const desk = await Desk.open(1);
    const row = desk.submit({ runMs: 60_000 });
    await desk.status(row.id, 'RUNNING');
    desk.engine.instances.cancel(SIM_ACTOR, row.id);
    desk.engine.instances.cancel(SIM_ACTOR, row.id);
    await desk.status(row.id, 'CANCELLED');
    expect(desk.eventsOf(row.id).filter((type) => type === 'requestCancel')).toHaveLength(1);
    const codeOf = (id: string): string => {
      try {
        desk.engine.instances.cancel(SIM_ACTOR, id);
        return '';
      } catch (error) {
        return isDroverError(error) ? error.code : String(error);
      }
    };
    expect(codeOf(row.id)).toBe('ALREADY_FINAL');
    expect(codeOf(crypto.randomUUID())).toBe('INSTANCE_NOT_FOUND');
  });
});

describe('L5: an archive that cannot be written', () => {
  it('holds up no run; logs stay with their workers, and are archived when it can be', async () => {
    const desk = await Desk.open(1);
    const [worker] = desk.herd.workers as [SimWorker];
    desk.herd.blobs.failNext(new Error('the archive is down'), 1_000);
    const rows = [1, 2, 3].map(() => desk.submit({ runMs: 50 }));
    for (const row of rows) await desk.status(row.id, 'COMPLETED');
    await desk.pass(30_000);
    expect(worker.disk.processes.size).toBe(3);
    for (const row of rows) expect(desk.row(row.id).log).toMatchObject({ archived: false, available: 0 });
    desk.herd.blobs.heal();
    await desk.reach(
      'all are archived',
      () => rows.every(({ id }) => desk.row(id).log?.archived === true),
      60_000,
    );
    await desk.reach('the worker has let go', () => worker.disk.processes.size === 0);
  });
});

describe('L2: a follower that is slower than the cap', () => {
  it('is cut where bytes are gone, and told where it goes on when it asks again', async () => {
    const desk = await Desk.open(1);
    const [worker] = desk.herd.workers as [SimWorker];
    const row = desk.submit({ runMs: 3_600_000, logBytes: 1_000 });
    await desk.status(row.id, 'RUNNING');
    const abort = { aborted: false, onAbort: () => undefined };
    const whole = { follow: true, abort };
    const first = await desk.settle(desk.engine.logs.read(SIM_ACTOR, row.id, whole));
    let got = 0;
    const reading = (async () => {
      for await (const chunk of first.bytes) got += chunk.length;
    })();
    await desk.reach('all that there is was read', () => got === first.size);
    // Its worker dies; when it is back, much has been written, and most of that is gone again.
    const tag = `${row.id}/1`;
    const process = worker.disk.processes.get(tag);
    if (!process) throw new Error('it runs');
    desk.herd.killWorker(worker);
    process.log += 'y'.repeat(5_000);
    worker.disk.trimmedTo.set(tag, 4_000);
    await desk.herd.startWorker(worker);
    await expect(desk.settle(reading)).rejects.toMatchObject({
      code: 'LOG_UNAVAILABLE',
      details: { from: got, to: 4_000 },
    });
    const second = await desk.settle(desk.engine.logs.read(SIM_ACTOR, row.id, { ...whole, offset: got }));
    expect(second.offset).toBe(4_000);
  });
});
