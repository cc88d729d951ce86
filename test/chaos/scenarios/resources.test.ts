/** Full disks and wrong clocks. Titles begin with the number of the scenario. */
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { pause, until } from '../harness/shell.ts';
import { closeAtEnd, OFFLINE_MS, Stage } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open({ workers: { w1: 'veth', w2: 'veth' } });
});
closeAtEnd(() => stage);

afterEach(() => stage.herd.heal());

const HOUR_MS = 3_600_000;

describe('a full disk', () => {
  it('D1: of the head: writes get 503 with a reason, reads go on, nothing acknowledged is lost, no restart', async () => {
    const runs = await stage.submit(stage.counting(30), 'w1');
    await stage.running(runs.id);
    const { disk, program } = stage.herd.head;
    disk.fill();
    const quick = stage.herd.client(0);
    const acknowledged: string[] = [];
    let refusal: { code?: unknown; status?: number } = {};
    for (let round = 0; round < 30 && refusal.code === undefined; round++) {
      const body = { command: ['printf', 'x'.repeat(20_000)], resources: { cpu: 0.1, memoryMiB: 64 } };
      await quick.instances.submit(body, { signal: AbortSignal.timeout(2_000) }).then(
        (view) => acknowledged.push(view.id),
        (error: { code?: unknown }) => {
          // What was being written when the disk was found full is neither done nor refused: it waits for room.
          if (typeof error.code === 'string') refusal = error;
        },
      );
    }
    expect(refusal).toMatchObject({ code: 'STORE_FULL', status: 503 });
    expect((await quick.head.get()).store.status).not.toBe('ok');
    expect((await quick.instances.get(runs.id)).id).toBe(runs.id);
    disk.empty();
    expect(await stage.ended((await stage.submit(['true'])).id)).toMatchObject({ status: 'COMPLETED' });
    expect(program?.isAlive).toBe(true);
    for (const id of [...acknowledged, runs.id])
      expect(await stage.ended(id)).toMatchObject({ status: 'COMPLETED', attempt: 1 });
    await stage.expectWholeLog(runs.id, 30);
  });

  it('D2: of a worker: what runs goes on and ends as it ends; new work goes on when there is room', async () => {
    const view = await stage.submit(stage.counting(40), 'w1');
    await stage.running(view.id);
    await pause(500);
    const { disk } = stage.worker('w1');
    disk.fill();
    const during = await stage.submit(stage.counting(2), 'w1');
    await pause(1_500);
    disk.empty();
    // Lines of the log may be missing: the command itself was told that it could not write.
    expect(await stage.ended(view.id)).toMatchObject({ status: 'COMPLETED', exitCode: 0, attempt: 1 });
    const second = await stage.ended(during.id);
    expect(['COMPLETED', 'FAILED']).toContain(second.status);
    if (second.status === 'FAILED') expect(second.reason?.code).toBeTruthy();
    expect(stage.witness(during.id).length === 0 ? 'FAILED' : 'COMPLETED').toBe(second.status);
    expect(await stage.ended((await stage.submit(stage.counting(2), 'w1')).id)).toMatchObject({
      status: 'COMPLETED',
    });
    expect(stage.worker('w1').program?.isAlive).toBe(true);
  });
});

describe('a wrong clock', () => {
  it('T1: an hour ahead on the head: no lease, no worker and no run is lost', async (context) => {
    if (stage.herd.head.clock === null) return context.skip('no compiler here');
    const view = await stage.submit(stage.counting(20), 'w1');
    await stage.running(view.id);
    stage.herd.head.clock.set(HOUR_MS);
    const seen = await stage.statuses(pause(OFFLINE_MS));
    expect([...seen.values()].flat().every((status) => status === 'ONLINE')).toBe(true);
    const later = await stage.ended((await stage.submit(['true'])).id);
    expect(later.status).toBe('COMPLETED');
    expect(Date.parse(later.createdAt) - Date.now()).toBeGreaterThan(HOUR_MS - 60_000);
    stage.herd.head.clock.set(0);
    expect(await stage.ended(view.id)).toMatchObject({ status: 'COMPLETED', attempt: 1 });
  });

  it('T2: an hour behind on a worker: pings are fine, the log is in order', async (context) => {
    const { clock } = stage.worker('w2');
    if (clock === null) return context.skip('no compiler here');
    const view = await stage.submit(stage.counting(40), 'w2');
    await stage.running(view.id);
    clock.set(-HOUR_MS);
    const seen = await stage.statuses(pause(3_000));
    expect(seen.get('w2')).toEqual(['ONLINE']);
    expect(await stage.ended(view.id)).toMatchObject({ status: 'COMPLETED', attempt: 1 });
    await stage.expectWholeLog(view.id, 40);
    expect(await stage.ended((await stage.submit(stage.counting(2), 'w2')).id)).toMatchObject({
      status: 'COMPLETED',
    });
    clock.set(0);
  });

  it('T3: five minutes of skew are measured at the handshake and shown', async (context) => {
    const worker = stage.worker('w2');
    if (worker.clock === null) return context.skip('no compiler here');
    worker.clock.set(300_000);
    await stage.herd.end(worker, 'SIGKILL');
    stage.herd.startWorker(worker);
    await until('the skew is shown', async () => {
      const { clockSkewMs, status } = await stage.client.workers.get(worker.id);
      return status === 'ONLINE' && Math.abs((clockSkewMs ?? 0) - 300_000) < 5_000;
    });
    expect(await stage.ended((await stage.submit(stage.counting(2), 'w2')).id)).toMatchObject({
      status: 'COMPLETED',
      attempt: 1,
    });
    worker.clock.set(0);
  });
});
