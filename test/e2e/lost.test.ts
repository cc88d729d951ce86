/** What becomes of instances whose worker, or whose head, is lost: the real programs, with short times. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { processStart } from './processes.ts';
import { DROVER, RealHerd, until } from './real-herd.ts';

const herd = new RealHerd(['--ping', '200ms', '--suspect-after', '1s', '--offline-after', '2s']);
let first: string;
beforeAll(async () => {
  await herd.startHead();
  first = await herd.addWorker('first');
  await herd.addWorker('second');
});
afterAll(() => herd.close());

const cli = async (...args: string[]): Promise<string> => {
  const env = { ...process.env, DROVER_HEAD: herd.url, DROVER_TOKEN: herd.token };
  return (await promisify(execFile)(DROVER, args, { env })).stdout;
};
const offline = (): Promise<unknown> =>
  herd.client.workers.wait(first, { status: 'OFFLINE', timeoutMs: 10_000 });
const online = (): Promise<unknown> =>
  herd.client.workers.wait(first, { status: 'ONLINE', timeoutMs: 10_000 });

/** The state of a process that was stopped, and continued, by a signal. */
const signalHead = (signal: 'SIGSTOP' | 'SIGCONT'): void => void herd.head?.child.kill(signal);

describe('a worker that is lost', () => {
  it('N2: "replace" runs it elsewhere, and what comes back with the older attempt is stopped', async () => {
    const { client } = herd;
    const { id } = await client.instances.submit({
      command: 'echo attempt $DROVER_ATTEMPT; exec sleep 600',
      onWorkerLost: 'replace',
      lostAfterMs: 2_500,
      labels: { which: 'replace' },
    });
    let view = await client.instances.waitRunning(id);
    if (view.workerId !== first) {
      // Whoever has it: the test is the same for either.
      first = view.workerId ?? '';
    }
    const name = (await client.workers.get(first)).name ?? '';
    const { pid } = view;
    await herd.killWorker(name);
    await offline();
    await until('it runs again', async () => {
      view = await client.instances.get(id);
      return view.attempt === 2 && view.status === 'RUNNING';
    });
    expect(view.workerId).not.toBe(first);
    expect(processStart(pid ?? 0)).not.toBeNull();
    await herd.restartWorker(name);
    await until('the older attempt is gone', () => processStart(pid ?? 0) === null);
    expect(await client.instances.get(id)).toMatchObject({ status: 'RUNNING', attempt: 2 });
    expect(await client.instances.logText(id)).toBe('attempt 2\n');
    await client.instances.cancel(id, { graceMs: 0 });
    expect((await client.instances.wait(id)).status).toBe('CANCELLED');
  });

  it('N3: "wait" leaves it to a person: "drover instance replace" and "forget"', async () => {
    const { client } = herd;
    const views = [];
    for (let i = 0; i < 2; i++)
      views.push(await client.instances.submit({ command: 'exec sleep 600', targetWorker: null }));
    const running = await Promise.all(views.map((view) => client.instances.waitRunning(view.id)));
    const [kept, given] = running;
    if (!kept || !given) throw new Error('two were submitted');
    for (const each of [...herd.workers.keys()]) await herd.killWorker(each);
    for (const view of running)
      await until('it is UNKNOWN', async () => (await client.instances.get(view.id)).status === 'UNKNOWN');
    expect(await cli('explain', kept.id)).toContain('drover instance replace');
    expect(await cli('instance', 'forget', given.id)).toContain('FAILED');
    expect(await cli('instance', 'replace', kept.id)).toContain('PENDING');
    await expect(cli('instance', 'replace', kept.id)).rejects.toThrow('not UNKNOWN');
    for (const each of [...herd.workers.keys()]) await herd.restartWorker(each);
    await until('it runs again', async () => (await client.instances.get(kept.id)).status === 'RUNNING');
    for (const view of running)
      await until('the older attempt is gone', () => processStart(view.pid ?? 0) === null);
    expect(await client.instances.get(kept.id)).toMatchObject({ attempt: 2 });
    await client.instances.cancel(kept.id, { graceMs: 0 });
    await client.instances.wait(kept.id);
  });

  it('N4: "stop" is done by the worker itself, also when it is killed and started while there is no head', async () => {
    const { client } = herd;
    const { id } = await client.instances.submit({
      command: 'exec sleep 600',
      onWorkerLost: 'stop',
      lostAfterMs: 3_000,
    });
    const { pid, workerId } = await client.instances.waitRunning(id);
    const name = (await client.workers.get(workerId ?? '')).name ?? '';
    signalHead('SIGSTOP');
    try {
      await herd.killWorker(name);
      // It comes up without a head: nobody answers, so its own clock decides.
      const restarted = herd.restartWorker(name);
      await until('its worker has stopped it', () => processStart(pid ?? 0) === null);
      signalHead('SIGCONT');
      await restarted;
    } finally {
      signalHead('SIGCONT');
    }
    expect(await client.instances.wait(id)).toMatchObject({
      status: 'FAILED',
      reason: { code: 'HEAD_LOST' },
    });
  });

  it('is refused what makes no sense', async () => {
    await expect(herd.client.instances.submit({ command: 'true', lostAfterMs: 5_000 })).rejects.toMatchObject(
      { code: 'INVALID_REQUEST', details: { field: 'lostAfterMs' } },
    );
    await expect(cli('submit', '--on-worker-lost', 'perhaps', 'true')).rejects.toThrow('wait, replace, stop');
    await online();
  });
});
