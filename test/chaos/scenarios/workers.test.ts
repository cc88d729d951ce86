/** Workers are killed, stopped, doubled and upgraded. Titles begin with the number of the scenario. */
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { shimsOf } from '../faults/processes.ts';
import { readProcess } from '../harness/processes.ts';
import { pause, until } from '../harness/shell.ts';
import { closeAtEnd, identify, OFFLINE_MS, Stage } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open({ workers: { w1: 'veth', w2: 'veth' } });
});
closeAtEnd(() => stage);
// A test that fails in the middle leaves nothing to the next.
afterEach(() => stage.herd.heal());

describe('a worker that dies', () => {
  it('P6: kill -9, back after 1 s: same process, same attempt, a log without gap or doubles', async () => {
    const view = await stage.submit(stage.counting(40), 'w1');
    const { pid } = await stage.running(view.id);
    const before = identify(pid);
    await pause(700);
    await stage.herd.end(stage.worker('w1'), 'SIGKILL');
    await pause(1_000);
    stage.herd.startWorker(stage.worker('w1'));
    await stage.reaches('w1', 'ONLINE');
    const again = await stage.running(view.id);
    expect({ status: again.status, attempt: again.attempt, pid: again.pid }).toEqual({
      status: 'RUNNING',
      attempt: 1,
      pid,
    });
    expect(identify(pid)).toBe(before);
    expect((await stage.ended(view.id)).status).toBe('COMPLETED');
    expect(stage.witness(view.id).map((line) => line.what)).toEqual(['start', 'end']);
    await stage.expectWholeLog(view.id, 40);
  });

  it('P7: back after the offline time, policy wait: UNKNOWN meanwhile, then still its own', async () => {
    const view = await stage.submit('exec sleep 300', 'w1');
    const short = await stage.submit(stage.counting(10), 'w1');
    const { pid } = await stage.running(view.id);
    const before = identify(pid);
    await stage.herd.end(stage.worker('w1'), 'SIGKILL');
    await stage.reaches('w1', 'OFFLINE', OFFLINE_MS * 3);
    const lost = await stage.client.instances.get(view.id);
    expect({ status: lost.status, reason: lost.reason?.code }).toEqual({
      status: 'UNKNOWN',
      reason: 'WORKER_OFFLINE',
    });
    stage.herd.startWorker(stage.worker('w1'));
    await stage.reaches('w1', 'ONLINE');
    const again = await stage.running(view.id);
    expect({ status: again.status, attempt: again.attempt, pid: again.pid }).toEqual({
      status: 'RUNNING',
      attempt: 1,
      pid,
    });
    expect(identify(pid)).toBe(before);
    // P9: it ended while its worker was down, and is not run again.
    expect(await stage.ended(short.id)).toMatchObject({ status: 'COMPLETED', exitCode: 0, attempt: 1 });
    expect(stage.witness(short.id).map((line) => line.what)).toEqual(['start', 'end']);
    await stage.expectWholeLog(short.id, 10);
  });

  it('P7: back after the offline time, policy replace: another attempt runs, and the worker stops its own first of all', async () => {
    const policy = { onWorkerLost: 'replace', lostAfterMs: 1_000 } as const;
    const view = await stage.submit('exec sleep 300', undefined, policy);
    const first = await stage.running(view.id);
    const worker =
      [...stage.herd.workers.values()].find((each) => each.id === first.workerId) ?? stage.worker('w1');
    await stage.herd.end(worker, 'SIGKILL');
    await until(
      'the second attempt',
      async () => (await stage.client.instances.get(view.id)).attempt === 2,
      OFFLINE_MS * 4,
    );
    const second = await stage.running(view.id);
    expect(second.workerId).not.toBe(first.workerId);
    const before = identify(second.pid);
    stage.herd.startWorker(worker);
    await until('the first is stopped', () => readProcess(first.pid) === null);
    expect(await stage.client.instances.get(view.id)).toMatchObject({
      status: 'RUNNING',
      attempt: 2,
      pid: second.pid,
    });
    expect(identify(second.pid)).toBe(before);
    await stage.online();
  });

  it('P10: kill -9 of the shim ends the command, and says so', async () => {
    const view = await stage.submit("trap '' TERM; while :; do sleep 0.2; done", 'w1');
    const { pid } = await stage.running(view.id);
    const shim = shimsOf(stage.worker('w1').disk.folder).find((each) => each.instance === view.id);
    process.kill(shim?.pid ?? 0, 'SIGKILL');
    expect(await stage.ended(view.id)).toMatchObject({
      status: 'FAILED',
      exitCode: null,
      reason: { code: 'SUPERVISOR_LOST' },
    });
    expect(() => identify(pid)).toThrow();
  });

  it('P18: stopped for longer than its lease and the offline time, it takes up its work again', async () => {
    const view = await stage.submit(stage.counting(110), 'w1');
    const { pid } = await stage.running(view.id);
    const before = identify(pid);
    stage.worker('w1').program?.signal('SIGSTOP');
    await stage.reaches('w1', 'OFFLINE', OFFLINE_MS * 3);
    stage.worker('w1').program?.signal('SIGCONT');
    await stage.reaches('w1', 'ONLINE');
    expect(await stage.running(view.id)).toMatchObject({ status: 'RUNNING', attempt: 1, pid });
    expect(identify(pid)).toBe(before);
    expect((await stage.ended(view.id)).status).toBe('COMPLETED');
    await stage.expectWholeLog(view.id, 110);
  });

  it('P19: a second worker on the same folder, and one on a copy of it, are refused; the first goes on', async () => {
    const worker = stage.worker('w1');
    const twin = stage.herd.launch('w1', worker.args, worker.env);
    await expect(twin.ready).rejects.toThrow(/lock|in use|already|another/i);
    const copy = join(stage.folder, 'copy');
    cpSync(worker.disk.folder, copy, { recursive: true, filter: (path) => !/lock/.test(path) });
    const args = worker.args.map((each) => (each === worker.disk.folder ? copy : each));
    const clone = stage.herd.launch('w2', args, worker.env);
    const said = (): string => readFileSync(stage.herd.logOf('w2-other'), 'utf8');
    await expect.poll(said, { timeout: 20_000 }).toContain('another process uses its identity');
    const view = await stage.submit(stage.counting(20), 'w1');
    expect(await stage.ended(view.id)).toMatchObject({ status: 'COMPLETED', attempt: 1 });
    expect(await Promise.race([clone.ready.then(() => 'ONLINE'), pause(100).then(() => 'not')])).toBe('not');
    await clone.end('SIGKILL');
    expect(stage.witness(view.id).map((line) => line.what)).toEqual(['start', 'end']);
  });
});

describe('a worker that is replaced on purpose', () => {
  it('S14: another copy of the programs on the same folder takes over 50 runs; none is restarted', async () => {
    const views = await Promise.all(Array.from({ length: 50 }, () => stage.submit('exec sleep 300', 'w1')));
    const before = await Promise.all(views.map(async ({ id }) => identify((await stage.running(id)).pid)));
    const next = join(stage.folder, 'next');
    cpSync(stage.herd.options.bundle, next, { recursive: true, verbatimSymlinks: true });
    const worker = stage.worker('w1');
    expect(await stage.herd.end(worker, 'SIGTERM')).toBe(0);
    stage.herd.startWorker(worker, next);
    await stage.reaches('w1', 'ONLINE');
    for (const [at, { id }] of views.entries()) {
      const now = await stage.client.instances.get(id);
      expect({ status: now.status, attempt: now.attempt }).toEqual({ status: 'RUNNING', attempt: 1 });
      expect(identify(now.pid ?? 0)).toBe(before[at]);
    }
  });

  it('T4: everything of the machine stands still for longer than the offline time, and goes on', async () => {
    const view = await stage.submit(stage.counting(30), 'w2');
    await stage.running(view.id);
    const programs = [stage.herd.head, ...stage.herd.workers.values()].map((each) => each.program);
    const shims = shimsOf(stage.worker('w2').disk.folder);
    for (const program of programs) program?.signal('SIGSTOP');
    for (const { pid } of shims) process.kill(-pid, 'SIGSTOP');
    await pause(OFFLINE_MS + 2_000);
    for (const { pid } of shims) process.kill(-pid, 'SIGCONT');
    for (const program of programs) program?.signal('SIGCONT');
    const seen = await stage.statuses(pause(2_500));
    expect([...seen.values()].flat()).not.toContain('OFFLINE');
    expect(await stage.ended(view.id)).toMatchObject({ status: 'COMPLETED', attempt: 1 });
    await stage.expectWholeLog(view.id, 30);
  });
});
