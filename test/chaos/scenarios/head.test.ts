/** The head is killed, ended, stopped and doubled. Titles begin with the number of the scenario. */
import { beforeAll, describe, expect, it } from 'vitest';
import { pause } from '../harness/shell.ts';
import { closeAtEnd, identify, OFFLINE_MS, Stage } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open({ workers: { w1: 'veth', w2: 'veth' } });
});
closeAtEnd(() => stage);

/** Two that run on, one on each worker. */
async function longRunning() {
  await stage.online();
  const views = await Promise.all(['w1', 'w2'].map((name) => stage.submit('exec sleep 300', name)));
  const running = await Promise.all(views.map((view) => stage.running(view.id)));
  const before = running.map((view) => identify(view.pid));
  return {
    async expectUntouched(): Promise<void> {
      for (const [at, { id, pid }] of running.entries()) {
        const now = await stage.client.instances.get(id);
        expect({ status: now.status, attempt: now.attempt, pid: now.pid }).toEqual({
          status: 'RUNNING',
          attempt: 1,
          pid,
        });
        expect(identify(pid)).toBe(before[at]);
      }
    },
  };
}

describe('a head that dies', () => {
  it('P1: kill -9 while idle, and a restart, change nothing', async () => {
    const runs = await longRunning();
    await stage.herd.end(stage.herd.head, 'SIGKILL');
    await pause(300);
    await stage.herd.startHead();
    await stage.online(OFFLINE_MS);
    await runs.expectUntouched();
  });

  it('P2: kill -9 at 20 random points of a submission leaves one instance per key', async () => {
    for (let round = 0; round < 20; round++) {
      const nonce = `p2-${round}`;
      const asked = stage.submit(stage.counting(1, nonce), undefined, { labels: { nonce } });
      // A submission takes a few milliseconds.
      await pause(stage.random.float() * 8);
      await stage.herd.end(stage.herd.head, 'SIGKILL');
      await stage.herd.startHead();
      const view = await asked;
      expect((await stage.client.instances.page({ labels: { nonce } })).items.map((each) => each.id)).toEqual(
        [view.id],
      );
    }
    for (let round = 0; round < 20; round++) {
      const { items } = await stage.client.instances.page({ labels: { nonce: `p2-${round}` } });
      const ended = await stage.ended(items[0]?.id ?? '');
      expect({ status: ended.status, attempt: ended.attempt }).toEqual({ status: 'COMPLETED', attempt: 1 });
      expect(stage.witness(ended.id).map((line) => line.what)).toEqual(['start', 'end']);
    }
  });

  it('P4: ten crashes in a row lose nothing and touch no run', async () => {
    const runs = await longRunning();
    const ids: string[] = [];
    for (let round = 0; round < 10; round++) {
      ids.push((await stage.submit(stage.counting(2))).id);
      await stage.herd.end(stage.herd.head, 'SIGKILL');
      await stage.herd.startHead();
    }
    await stage.online(OFFLINE_MS * 2);
    for (const id of ids) expect((await stage.ended(id)).status).toBe('COMPLETED');
    for (const id of ids) expect(stage.witness(id).map((line) => line.what)).toEqual(['start', 'end']);
    await runs.expectUntouched();
  });

  it('P5: SIGTERM under load ends it within 10 s with code 0; what was acknowledged is there', async () => {
    const runs = await longRunning();
    const quick = stage.herd.client(0);
    const acknowledged: string[] = [];
    let stopped = false;
    const load = Array.from({ length: 4 }, async () => {
      while (!stopped) {
        const body = { command: ['true'], resources: { cpu: 0.1, memoryMiB: 64 } };
        await quick.instances.submit(body).then(
          (view) => acknowledged.push(view.id),
          () => pause(20),
        );
      }
    });
    const reader = stage.herd.client(0).instances.followLogs((await stage.submit('exec sleep 300')).id);
    const following = reader.next().catch(() => undefined);
    await pause(500);
    const begun = performance.now();
    expect(await stage.herd.end(stage.herd.head, 'SIGTERM')).toBe(0);
    expect(performance.now() - begun).toBeLessThan(10_000);
    stopped = true;
    await Promise.all([...load, following]);
    await stage.herd.startHead();
    expect(acknowledged.length).toBeGreaterThan(10);
    for (const id of acknowledged) expect((await stage.ended(id)).status).toBe('COMPLETED');
    await runs.expectUntouched();
  });

  it('P17: stopped for longer than the offline time, it declares nobody OFFLINE when it goes on', async () => {
    const runs = await longRunning();
    stage.herd.head.program?.signal('SIGSTOP');
    await pause(OFFLINE_MS + 2_000);
    stage.herd.head.program?.signal('SIGCONT');
    const seen = await stage.statuses(pause(3_000));
    expect([...seen.values()].flat()).not.toContain('OFFLINE');
    await stage.online(OFFLINE_MS);
    await runs.expectUntouched();
  });

  it('P20: a second head on the same folder is refused, and the first serves on', async () => {
    const args = stage.herd.headArgs();
    args[args.indexOf('--port') + 1] = '3999';
    const twin = stage.herd.launch('head', args);
    await expect(twin.ready).rejects.toThrow(/lock|in use|already|another/i);
    expect(await twin.ended).not.toBe(0);
    expect((await stage.ended((await stage.submit(['true'])).id)).status).toBe('COMPLETED');
  });
});
