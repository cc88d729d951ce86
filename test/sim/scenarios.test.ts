/** Scenarios of the reliability catalogue (B3) that want exact time, on virtual time: real engine, real agents. */
import { SIM_ACTOR, type SimWorker } from '@drover/testkit';
import { describe, expect, it } from 'vitest';
import { Desk, OFFLINE_MS } from './desk.ts';

const black = { loss: 0, duplicate: 0, reorder: 0, delayMs: [1, 20] as const };
const silence = (worker: SimWorker): void => {
  worker.net = { ...black, toHeadBlocked: true, toWorkerBlocked: true };
};
const mend = (worker: SimWorker): void => {
  worker.net = { ...black, toHeadBlocked: false, toWorkerBlocked: false };
};

describe('a worker that is lost', () => {
  it('N1: a partition shorter than the offline time changes nothing, and reports arrive once', async () => {
    const desk = await Desk.open(1);
    const row = desk.submit({ runMs: 1_500, code: 7 });
    await desk.status(row.id, 'RUNNING');
    silence(desk.workerOf(row.id));
    await desk.pass(OFFLINE_MS - 1_000);
    expect(desk.row(row.id).status).toBe('RUNNING');
    mend(desk.workerOf(row.id));
    await desk.status(row.id, 'FAILED');
    expect(desk.row(row.id)).toMatchObject({ exitCode: 7, attempt: 1 });
    expect(desk.eventsOf(row.id)).toEqual(['submit', 'place', 'start', 'fail']);
  });

  it('N2: with "replace" there is a second attempt elsewhere, and the older one is stopped and does not count', async () => {
    const desk = await Desk.open(2);
    const row = desk.submit({ runMs: 60_000, onWorkerLost: 'replace', lostAfterMs: 9_000 });
    await desk.status(row.id, 'RUNNING');
    const first = desk.workerOf(row.id);
    silence(first);
    await desk.status(row.id, 'UNKNOWN');
    await desk.pass(3_000);
    expect(desk.row(row.id)).toMatchObject({ status: 'UNKNOWN', attempt: 1 });
    await desk.reach('it runs again', () => desk.row(row.id).attempt === 2);
    await desk.status(row.id, 'RUNNING');
    expect(desk.workerOf(row.id)).not.toBe(first);
    mend(first);
    await desk.reach('the older attempt is gone', () => first.disk.processes.size === 0);
    expect(desk.row(row.id)).toMatchObject({ status: 'RUNNING', attempt: 2 });
    expect(desk.eventsOf(row.id)).toContain('staleEnd');
    expect(desk.starts(row.id)).toHaveLength(2);
    await desk.status(row.id, 'COMPLETED', 80_000);
  });

  it('N2: what the older attempt still holds is not given to others when its worker returns', async () => {
    const desk = await Desk.open(2);
    const row = desk.submit({
      runMs: 60_000,
      resources: { cpu: 4 },
      onWorkerLost: 'replace',
      lostAfterMs: 1_000,
      graceMs: 5_000,
    });
    await desk.status(row.id, 'RUNNING');
    const first = desk.workerOf(row.id);
    silence(first);
    await desk.reach('it runs again', () => desk.row(row.id).attempt === 2);
    const other = desk.submit({ runMs: 100, resources: { cpu: 4 } });
    mend(first);
    await desk.status(other.id, 'COMPLETED');
    const room = desk.engine.scheduler.ledger.rooms.get(first.id);
    expect(room?.holdings.size).toBe(0);
    expect(first.disk.starts).toEqual([`${row.id}/1`, `${other.id}/1`]);
  });

  it('N2: the log of the older attempt is kept too, however long', async () => {
    const desk = await Desk.open(2);
    const row = desk.submit({ runMs: 3_000, logBytes: 100_000, onWorkerLost: 'replace', lostAfterMs: 1_000 });
    await desk.status(row.id, 'RUNNING');
    const first = desk.workerOf(row.id);
    silence(first);
    await desk.reach('it runs again', () => desk.row(row.id).attempt === 2);
    mend(first);
    await desk.reach('nothing of it is left', () => first.disk.processes.size === 0);
    await desk.status(row.id, 'COMPLETED');
    await desk.reach('nothing is held', () => desk.engine.state.tables.reservations.size === 0);
    await desk.reach('its log is archived', () => desk.row(row.id).log?.archived === true);
    for (const attempt of [1, 2])
      expect(await desk.herd.blobs.size(`log/${row.id}/${attempt}`), `attempt ${attempt}`).toBe(100_045);
  });

  it('N3: with "wait" it is UNKNOWN with a reason and a time, and a person may replace it', async () => {
    const desk = await Desk.open(2);
    const row = desk.submit({ runMs: 60_000 });
    await desk.status(row.id, 'RUNNING');
    const first = desk.workerOf(row.id);
    silence(first);
    await desk.status(row.id, 'UNKNOWN');
    const sinceMs = desk.row(row.id).sinceMs;
    await desk.pass(600_000);
    expect(desk.row(row.id)).toMatchObject({ status: 'UNKNOWN', attempt: 1, sinceMs });
    const { reason, nextStep } = desk.engine.views.explanation(desk.row(row.id));
    expect(reason?.code).toBe('WORKER_OFFLINE');
    expect(nextStep).toContain('instance replace');
    desk.engine.instances.replace(SIM_ACTOR, row.id);
    await desk.status(row.id, 'RUNNING');
    expect(desk.row(row.id).attempt).toBe(2);
    mend(first);
    await desk.reach('the older attempt is gone', () => first.disk.processes.size === 0);
    expect(desk.row(row.id)).toMatchObject({ status: 'RUNNING', attempt: 2 });
  });

  it('N3: it goes on where it is when the worker returns', async () => {
    const desk = await Desk.open(2);
    const row = desk.submit({ runMs: 20_000 });
    await desk.status(row.id, 'RUNNING');
    silence(desk.workerOf(row.id));
    await desk.status(row.id, 'UNKNOWN');
    mend(desk.workerOf(row.id));
    await desk.status(row.id, 'RUNNING');
    await desk.status(row.id, 'COMPLETED', 40_000);
    expect(desk.starts(row.id)).toEqual([`${row.id}/1`]);
  });

  it('N4: with "stop" the worker stops it by its own clock, also when it is started anew meanwhile', async () => {
    const desk = await Desk.open(1);
    const row = desk.submit({ runMs: 600_000, onWorkerLost: 'stop', lostAfterMs: 30_000 });
    await desk.status(row.id, 'RUNNING');
    const worker = desk.workerOf(row.id);
    silence(worker);
    const cutMs = desk.herd.clock.nowMs;
    await desk.pass(20_000);
    desk.herd.killWorker(worker);
    await desk.herd.startWorker(worker);
    await desk.reach('it is stopped', () => worker.disk.killed.length === 1, 40_000);
    const afterMs = desk.herd.clock.nowMs - cutMs;
    expect(afterMs).toBeGreaterThan(29_000);
    expect(afterMs).toBeLessThan(32_000);
    expect(desk.row(row.id).status).toBe('UNKNOWN');
    mend(worker);
    await desk.status(row.id, 'FAILED');
    expect(desk.row(row.id).reason?.code).toBe('HEAD_LOST');
  });

  it('N5: a link that carries in one direction only counts as lost, either way', async () => {
    for (const blocked of [{ toHeadBlocked: true }, { toWorkerBlocked: true }]) {
      const desk = await Desk.open(1);
      const [worker] = desk.herd.workers as [SimWorker];
      worker.net = { ...black, toHeadBlocked: false, toWorkerBlocked: false, ...blocked };
      await desk.reach('it is SUSPECT', () => !desk.isOnline(worker));
      await desk.reach('it is OFFLINE', () => workerStatus(desk, worker) === 'OFFLINE');
      mend(worker);
      await desk.reach('it is ONLINE', () => desk.isOnline(worker));
    }
  });

  it('N7: a link that comes and goes makes a few changes of status, not one each time', async () => {
    const desk = await Desk.open(1);
    const [worker] = desk.herd.workers as [SimWorker];
    const before = desk.eventsOf(worker.id).length;
    for (let i = 0; i < 100; i++) {
      worker.link?.break();
      await desk.pass(600);
    }
    expect(workerStatus(desk, worker)).toBe('SUSPECT');
    expect(desk.engine.state.tables.workers.get(worker.id)?.reason?.code).toBe('LINK_FLAPPING');
    await desk.reach('it is ONLINE once it stands', () => desk.isOnline(worker));
    expect(desk.eventsOf(worker.id).length - before).toBeLessThanOrEqual(8);
  });

  it('is deleted: what asks for it is placed anew, the rest given up, and all of it is stopped when it comes back', async () => {
    const desk = await Desk.open(2);
    const [first] = desk.herd.workers as [SimWorker];
    const spec = { runMs: 600_000, resources: { cpu: 0.5 } };
    const policies = ['replace', 'replace', 'wait', 'wait'] as const;
    const rows = policies.map((onWorkerLost) => desk.submit({ ...spec, onWorkerLost }));
    for (const row of rows) await desk.status(row.id, 'RUNNING');
    const here = rows.filter((row) => desk.workerOf(row.id) === first).map((row) => desk.row(row.id));
    silence(first);
    await desk.reach('it is OFFLINE', () => workerStatus(desk, first) === 'OFFLINE');
    desk.engine.workers.delete(SIM_ACTOR, first.id);
    for (const { id, spec: asked } of here) {
      if (asked.onWorkerLost === 'replace') await desk.reach('again', () => desk.row(id).attempt === 2);
      else expect(desk.row(id)).toMatchObject({ status: 'FAILED', reason: { code: 'WORKER_DELETED' } });
    }
    expect(first.disk.processes.size).toBe(here.length);
    mend(first);
    await desk.reach('it was told', () => first.isRetired, 60_000);
    expect(first.disk.processes.size).toBe(0);
    for (const { id, spec: asked } of here)
      if (asked.onWorkerLost === 'replace')
        expect(desk.row(id)).toMatchObject({ status: 'RUNNING', attempt: 2 });
  });

  it('P16: what went down with its machine is known at once, and replaced where that is asked for', async () => {
    const desk = await Desk.open(2);
    const plain = desk.submit({ runMs: 600_000 });
    const again = desk.submit({ runMs: 600_000, onWorkerLost: 'replace', targetWorker: null });
    await desk.status(plain.id, 'RUNNING');
    await desk.status(again.id, 'RUNNING');
    for (const worker of desk.herd.workers) desk.herd.rebootMachine(worker);
    const downMs = desk.herd.clock.nowMs;
    for (const worker of desk.herd.workers) await desk.herd.startWorker(worker);
    await desk.status(plain.id, 'FAILED', OFFLINE_MS);
    expect(desk.row(plain.id).reason?.code).toBe('MACHINE_REBOOTED');
    await desk.reach('a second attempt', () => desk.row(again.id).attempt === 2, OFFLINE_MS);
    await desk.status(again.id, 'RUNNING');
    expect(desk.herd.clock.nowMs - downMs).toBeLessThan(OFFLINE_MS);
  });
});

describe('who was stopped and continued', () => {
  it('P17: a head judges nobody before it has heard them', async () => {
    const desk = await Desk.open(3);
    const rows = [1, 2, 3].map(() =>
      desk.submit({ runMs: 300_000, onWorkerLost: 'replace', lostAfterMs: 1_000 }),
    );
    for (const row of rows) await desk.status(row.id, 'RUNNING');
    const { resume } = desk.herd.freezeHead();
    await desk.pass(60_000);
    resume();
    await desk.pass(10_000);
    for (const row of rows) {
      expect(desk.row(row.id)).toMatchObject({ status: 'RUNNING', attempt: 1 });
      expect(desk.eventsOf(row.id)).toEqual(['submit', 'place', 'start']);
    }
  });

  it('P18: a worker whose lease ran out begins nothing before it has asked', async () => {
    const desk = await Desk.open(2);
    const [first] = desk.herd.workers as [SimWorker];
    const { resume } = desk.herd.freezeWorker(first);
    const row = desk.submit({ runMs: 500, targetWorker: first.id });
    await desk.reach('it is OFFLINE', () => workerStatus(desk, first) === 'OFFLINE');
    // While it was away a person gave up: the order that waits in its socket is void.
    desk.engine.instances.forget(SIM_ACTOR, row.id);
    resume();
    await desk.reach('it is ONLINE', () => desk.isOnline(first));
    await desk.pass(5_000);
    expect(desk.starts(row.id)).toEqual([]);
    expect(first.disk.processes.size).toBe(0);
  });
});

describe('clocks', () => {
  it('T1: a head whose clock jumps by an hour declares nobody lost and replaces nothing', async () => {
    for (const jump of [3_600_000, -3_600_000]) {
      const desk = await Desk.open(2);
      const row = desk.submit({ runMs: 20_000, onWorkerLost: 'replace', lostAfterMs: 1_000 });
      await desk.status(row.id, 'RUNNING');
      desk.herd.skewHead(jump);
      await desk.status(row.id, 'COMPLETED', 40_000);
      expect(desk.starts(row.id)).toHaveLength(1);
      for (const worker of desk.herd.workers) expect(desk.eventsOf(worker.id)).toEqual(['join', 'hear']);
    }
  });

  it('T2, T3: a worker whose clock is an hour off is shown so, and goes on', async () => {
    const desk = await Desk.open(1);
    const [worker] = desk.herd.workers as [SimWorker];
    worker.life.skewMs = -3_600_000;
    worker.link?.break();
    await desk.reach('it is back', () => desk.isOnline(worker));
    const row = desk.submit({ runMs: 500 });
    await desk.status(row.id, 'COMPLETED');
    const view = desk.engine.views.worker(desk.engine.state.tables.workers.get(worker.id) as never);
    expect(view.clockSkewMs).toBeLessThan(-3_599_000);
  });

  it('T4: a machine that slept asks the head before it begins anything', async () => {
    const desk = await Desk.open(1);
    const [worker] = desk.herd.workers as [SimWorker];
    // Asleep: nothing of the process runs, and its monotonic clock stands while the other goes on.
    worker.life.skewMs += 1_800_000;
    const before = desk.eventsOf(worker.id).length;
    await desk.reach('it has dialled anew', () => desk.eventsOf(worker.id).length > before);
    await desk.reach('it is back', () => desk.isOnline(worker));
    const row = desk.submit({ runMs: 100 });
    await desk.status(row.id, 'COMPLETED');
  });

  it('T6: ten thousand deadlines in one moment are all met', async () => {
    const desk = await Desk.open(1);
    const rows = Array.from({ length: 10_000 }, () => desk.submit({ resources: { cpu: 100 } }));
    let woken = 0;
    for (const row of rows)
      desk.engine.reads.wait(row.id, 'final', 5_000, { aborted: false, onAbort: () => undefined }).then(
        () => {
          woken += 1;
        },
        () => undefined,
      );
    await desk.pass(6_000);
    expect(woken).toBe(10_000);
  });
});

describe('a worker in a bad place', () => {
  it('gets its work over a link so slow that the head judges it only after several pings', async () => {
    const desk = await Desk.open(1);
    const [worker] = desk.herd.workers as [SimWorker];
    worker.link?.break();
    worker.net = { ...black, delayMs: [350, 400], toHeadBlocked: false, toWorkerBlocked: false };
    await desk.reach('it is back', () => desk.isOnline(worker));
    const row = desk.submit({ runMs: 100 });
    await desk.status(row.id, 'COMPLETED', 60_000);
  });

  it('D2: keeps its link, and what asks to be stopped without a head, while its disk is full and the head restarts', async () => {
    const desk = await Desk.open(1);
    const [worker] = desk.herd.workers as [SimWorker];
    const row = desk.submit({ runMs: 60_000, onWorkerLost: 'stop', lostAfterMs: 5_000 });
    await desk.status(row.id, 'RUNNING');
    worker.disk.failNext('remember', 1_000_000);
    desk.herd.killHead();
    await desk.herd.startHead();
    await desk.reach('it is back', () => desk.isOnline(worker));
    const later = desk.submit({ runMs: 100 });
    await desk.pass(30_000);
    expect(desk.eventsOf(worker.id)).not.toContain('doubt');
    expect(desk.row(row.id)).toMatchObject({ status: 'RUNNING', attempt: 1 });
    expect(desk.row(later.id).status).toBe('ASSIGNED');
    worker.disk.failNext('remember', 0);
    await desk.status(later.id, 'COMPLETED');
  });
});

describe('an older copy of the state', () => {
  it('D6: is noticed by what its workers have seen, also when it has long gone further than that', async () => {
    const desk = await Desk.open(1);
    const [worker] = desk.herd.workers as [SimWorker];
    const row = desk.submit({ runMs: 100, resources: { cpu: 4 } });
    const behind = desk.submit({ runMs: 100, resources: { cpu: 4 } });
    await desk.reach('all is stored', () => desk.engine.state.durableRev === desk.engine.state.rev);
    const backup = desk.herd.backup();
    await desk.status(behind.id, 'COMPLETED');
    await desk.reach('the worker has let go', () => worker.disk.processes.size === 0);
    silence(worker);
    desk.herd.killHead();
    desk.herd.restore(backup, false);
    await desk.herd.startHead();
    // Far beyond what the worker has seen of the other lineage.
    for (let i = 0; i < 50; i++) {
      desk.submit({ resources: { cpu: 100 } });
      await desk.pass(10);
    }
    mend(worker);
    await desk.reach('it is back', () => desk.isOnline(worker));
    await desk.pass(5_000);
    expect(desk.starts(behind.id)).toHaveLength(1);
    for (const { id } of [row, behind])
      expect(desk.row(id)).toMatchObject({ status: 'UNKNOWN', reason: { code: 'OLDER_STATE' } });
  });

  it('D6: stops nothing, begins nothing again, and takes up what the copy knew under another number', async () => {
    const desk = await Desk.open(2);
    const ran = desk.submit({ runMs: 300, resources: { cpu: 4 } });
    const waits = desk.submit({ runMs: 60_000, resources: { cpu: 4 }, onWorkerLost: 'replace' });
    const queued = [1, 2, 3].map(() => desk.submit({ runMs: 100, resources: { cpu: 4 } }));
    await desk.reach('all is stored', () => desk.engine.state.durableRev === desk.engine.state.rev);
    const backup = desk.herd.backup();
    for (const row of [ran, ...queued]) await desk.status(row.id, 'COMPLETED');
    const late = desk.submit({ runMs: 60_000 });
    await desk.status(late.id, 'RUNNING');
    const { epoch } = desk.engine.state;
    desk.herd.killHead();
    desk.herd.restore(backup, false);
    await desk.herd.startHead();
    await desk.reach('the workers are back', () => desk.herd.workers.every((each) => desk.isOnline(each)));
    await desk.pass(10_000);
    expect(desk.engine.state.epoch).toBeGreaterThan(epoch + 1);
    expect(desk.row(waits.id)).toMatchObject({ status: 'RUNNING', attempt: 1 });
    for (const row of queued) {
      expect(desk.starts(row.id)).toHaveLength(1);
      expect(desk.row(row.id)).toMatchObject({ status: 'UNKNOWN', reason: { code: 'OLDER_STATE' } });
    }
    expect(desk.herd.workers.flatMap((each) => each.disk.killed)).toEqual([]);
    const views = [...desk.engine.state.tables.workers.all()].map((row) => desk.engine.views.worker(row));
    expect(views.flatMap((view) => view.unknownInstances)).toEqual([{ instance: late.id, attempt: 1 }]);
    // A person decides; the number is above any that may have been given since.
    desk.engine.instances.replace(SIM_ACTOR, queued[0]?.id ?? '');
    await desk.status(queued[0]?.id ?? '', 'COMPLETED');
    expect(desk.row(queued[0]?.id ?? '').attempt).toBeGreaterThan(1);
  });

  it('D6: a head that was restored with the mark of a backup waits even for workers that have seen nothing newer', async () => {
    const desk = await Desk.open(1);
    const row = desk.submit({ runMs: 100, resources: { cpu: 100 } });
    await desk.reach('it is stored', () => desk.engine.state.durableRev === desk.engine.state.rev);
    const backup = desk.herd.backup();
    desk.herd.killHead();
    desk.herd.restore(backup, true);
    await desk.herd.startHead();
    expect(desk.row(row.id)).toMatchObject({ status: 'UNKNOWN', attempt: 0 });
    expect(desk.engine.instances.cancel(SIM_ACTOR, row.id).status).toBe('CANCELLED');
  });
});

const workerStatus = (desk: Desk, worker: SimWorker): string | undefined =>
  desk.engine.state.tables.workers.get(worker.id)?.status;
