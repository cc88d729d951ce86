/** Links that are cut, one-way, slow, wrong or gone. Titles begin with the number of the scenario. */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { HEAD_NAME } from '../harness/herd.ts';
import type { Direction } from '../harness/network.ts';
import { readProcess } from '../harness/processes.ts';
import { pause, runTool, until } from '../harness/shell.ts';
import { closeAtEnd, identify, OFFLINE_MS, Stage } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open({ workers: { w1: 'veth', w2: 'relay', w3: 'proxy' } });
});
closeAtEnd(() => stage);
// A test that fails in the middle leaves nothing to the next.
afterEach(() => stage.herd.heal());

describe('a partition', () => {
  it('N1: shorter than the lease: nothing but late reports, each once', async () => {
    const views = await Promise.all(
      Array.from({ length: 5 }, (_, at) => stage.submit(stage.counting(4 + at), 'w1')),
    );
    for (const { id } of views) await stage.running(id);
    const cut = async (): Promise<void> => {
      await stage.herd.network.drop('w1', 'both');
      await pause(1_200);
      await stage.herd.network.heal('w1');
      await pause(1_000);
    };
    const seen = await stage.statuses(cut());
    expect(seen.get('w1')).not.toContain('OFFLINE');
    for (const [at, { id }] of views.entries()) {
      expect(await stage.ended(id)).toMatchObject({ status: 'COMPLETED', attempt: 1 });
      expect(stage.witness(id).map((line) => line.what)).toEqual(['start', 'end']);
      await stage.expectWholeLog(id, 4 + at);
    }
  });

  it('N3: longer, policy wait: UNKNOWN with a since-time, never two, and still its own after the heal', async () => {
    const view = await stage.submit('exec sleep 300', 'w1');
    const short = await stage.submit(stage.counting(20), 'w1');
    const { pid } = await stage.running(view.id);
    const before = identify(pid);
    await stage.herd.network.drop('w1', 'both');
    await until(
      'UNKNOWN',
      async () => (await stage.client.instances.get(view.id)).status === 'UNKNOWN',
      OFFLINE_MS * 3,
    );
    const lost = await stage.client.instances.get(view.id);
    expect(lost.reason?.code).toBe('WORKER_OFFLINE');
    expect(Date.now() - Date.parse(lost.since)).toBeLessThan(5_000);
    await stage.herd.network.heal('w1');
    expect(await stage.running(view.id)).toMatchObject({ status: 'RUNNING', attempt: 1, pid });
    expect(identify(pid)).toBe(before);
    expect(await stage.ended(short.id)).toMatchObject({ status: 'COMPLETED', attempt: 1 });
    expect(stage.witness(short.id).map((line) => line.what)).toEqual(['start', 'end']);
  });

  it('N2: longer, policy replace: another attempt; after the heal the older is stopped, and its success is not the result', async () => {
    const policy = { onWorkerLost: 'replace', lostAfterMs: 1_000 } as const;
    // The first attempt succeeds behind the partition, the second fails: the result has to be that of the second.
    const nonce = 'n2';
    const [bash = '', script = '', ...args] = stage.counting(130, nonce);
    const once = `[ $DROVER_ATTEMPT = 1 ] && exec ${bash} ${script} ${args.join(' ')}; sleep 8; exit 3`;
    const view = await stage.submit(once, undefined, { ...policy, labels: { nonce } });
    const first = await stage.running(view.id);
    const [name = ''] = [...stage.herd.workers.values()]
      .filter((each) => each.id === first.workerId)
      .map((each) => each.name);
    const before = identify(first.pid);
    await stage.herd.network.drop(name, 'both');
    await until(
      'the second attempt',
      async () => (await stage.client.instances.get(view.id)).attempt === 2,
      OFFLINE_MS * 4,
    );
    expect(identify(first.pid)).toBe(before);
    await stage.herd.network.heal(name);
    await until('the first is stopped', () => readProcess(first.pid) === null);
    expect(await stage.ended(view.id)).toMatchObject({ status: 'FAILED', exitCode: 3, attempt: 2 });
    expect(stage.witness(view.id).filter((line) => line.what === 'start')).toHaveLength(1);
    await stage.online();
  });

  it('N4: longer, policy stop: the worker ends it by itself, while nobody can tell it to', async () => {
    const view = await stage.submit('exec sleep 300', 'w1', { onWorkerLost: 'stop', lostAfterMs: 3_000 });
    const { pid } = await stage.running(view.id);
    await stage.herd.network.drop('w1', 'both');
    await until('it is gone', () => readProcess(pid) === null, 12_000);
    expect((await stage.client.instances.get(view.id)).status).not.toBe('COMPLETED');
    await stage.herd.network.heal('w1');
    const ended = await stage.ended(view.id);
    expect(['FAILED', 'CANCELLED']).toContain(ended.status);
    expect(ended.reason?.code).toBeTruthy();
    await stage.online();
  });

  it.each<[string, Direction]>([
    ['cannot receive', 'in'],
    ['cannot send', 'out'],
  ])('N5: a worker that %s is OFFLINE in time, and comes back', async (_, direction) => {
    const view = await stage.submit('exec sleep 300', 'w1');
    const before = identify((await stage.running(view.id)).pid);
    await stage.herd.network.drop('w1', direction);
    await stage.reaches('w1', 'OFFLINE', OFFLINE_MS + 4_000);
    await stage.herd.network.heal('w1');
    await stage.reaches('w1', 'ONLINE');
    const now = await stage.running(view.id);
    expect({ status: now.status, is: identify(now.pid) }).toEqual({ status: 'RUNNING', is: before });
  });

  it('N7: a link that goes every 3 s: away and back at most once in the offline time, never OFFLINE, nothing replaced', async () => {
    const view = await stage.submit(stage.counting(150), 'w1');
    await stage.running(view.id);
    const flaps = 4;
    const flap = async (): Promise<void> => {
      for (let round = 0; round < flaps; round++) {
        await stage.herd.network.link('w1', false);
        await pause(1_500);
        await stage.herd.network.link('w1', true);
        await pause(1_500);
      }
    };
    const seen = (await stage.statuses(flap())).get('w1') ?? [];
    expect(seen).not.toContain('OFFLINE');
    expect(seen.length - 1).toBeLessThanOrEqual(2 * Math.ceil((flaps * 3_000) / OFFLINE_MS));
    expect(await stage.ended(view.id)).toMatchObject({ status: 'COMPLETED', attempt: 1 });
    await stage.expectWholeLog(view.id, 150);
  });

  it('N8: swizzle: workers clogged one by one, unclogged in another order', async () => {
    const names = ['w1', 'w2', 'w3'];
    const views = await Promise.all(
      names.flatMap((name) => Array.from({ length: 3 }, () => stage.submit(stage.counting(25), name))),
    );
    for (const name of names) {
      await stage.herd.network.drop(name, 'both');
      await pause(600);
    }
    await pause(OFFLINE_MS);
    for (const name of ['w2', 'w3', 'w1']) {
      await stage.herd.network.heal(name);
      await pause(400);
    }
    await stage.online();
    for (const { id } of views) {
      expect(await stage.ended(id)).toMatchObject({ status: 'COMPLETED', attempt: 1 });
      expect(stage.witness(id).map((line) => line.what)).toEqual(['start', 'end']);
    }
  });
});

describe('a connection that dies in silence', () => {
  it('N9: a followed log goes on at its byte after a black hole', async () => {
    const proxy = await stage.herd.clientProxy();
    const client = stage.herd.client(60_000, `http://${stage.herd.network.hubAddress}:${proxy.port}`);
    const view = await stage.submit(stage.counting(90), 'w1');
    await stage.running(view.id);
    let text = '';
    const following = (async () => {
      for await (const chunk of client.instances.followLogs(view.id)) text += new TextDecoder().decode(chunk);
    })();
    await until('the first lines', () => text.includes('line 10 of'));
    proxy.faults.isFrozen = true;
    await stage.herd.network.drop('w1', 'both');
    await pause(3_000);
    proxy.cut();
    proxy.heal();
    await stage.herd.network.heal('w1');
    await following;
    await proxy.close();
    const numbers = [...text.matchAll(/^line (\d+) of/gm)].map((match) => Number(match[1]));
    expect(numbers).toEqual(Array.from({ length: 90 }, (_, at) => at + 1));
  });

  it('N10: wrong bits on the link: links are dialled again, no command runs twice', async () => {
    const { proxy } = stage.worker('w3');
    // More than it has cores for: the later ones are started, and all of them told, over the bad link.
    const views = await Promise.all(Array.from({ length: 10 }, () => stage.submit(stage.counting(3), 'w3')));
    if (proxy) proxy.faults = { ...proxy.faults, corruption: 0.3 };
    await pause(5_000);
    proxy?.heal();
    await stage.reaches('w3', 'ONLINE');
    expect(proxy?.counts.corrupted).toBeGreaterThan(5);
    for (const { id } of views) {
      expect(await stage.ended(id)).toMatchObject({ status: 'COMPLETED', attempt: 1 });
      expect(stage.witness(id).map((line) => line.what)).toEqual(['start', 'end']);
      await stage.expectWholeLog(id, 3);
    }
    expect(await stage.ended((await stage.submit(['true'], 'w3')).id)).toMatchObject({ status: 'COMPLETED' });
  });

  it('N13: the name of the head fails, then means another address: the worker asks for it each time', async () => {
    // /etc/hosts of the private mount namespace of this run alone.
    const hosts = '/run/chaos-hosts';
    const known = readFileSync('/etc/hosts', 'utf8');
    const name = HEAD_NAME;
    writeFileSync(hosts, known);
    await runTool('mount', ['--bind', hosts, '/etc/hosts']);
    try {
      writeFileSync('/etc/hosts', `${known}\n${stage.herd.network.place('head').address} ${name}\n`);
      const worker = stage.worker('w1');
      const args = worker.args.map((each) => each.replace(new URL(stage.herd.url).hostname, name));
      await stage.herd.end(worker, 'SIGTERM');
      await stage.reaches('w1', 'SUSPECT');
      const named = stage.herd.launch('w1', args, worker.env);
      await named.ready;
      writeFileSync('/etc/hosts', known);
      await stage.herd.end(stage.herd.head, 'SIGKILL');
      const address = await stage.herd.network.move('head', 200);
      await stage.herd.startHead();
      const client = stage.herd.client();
      await until('w1 is missed', async () => (await client.workers.get(worker.id)).status !== 'ONLINE');
      writeFileSync('/etc/hosts', `${known}\n${address} ${name}\n`);
      await client.workers.wait(worker.id, { timeoutMs: 20_000 });
      expect(named.isAlive).toBe(true);
      await stage.herd.end(stage.herd.head, 'SIGKILL');
      await stage.herd.network.move('head', 2);
      await named.end('SIGTERM');
      await stage.herd.startHead();
      stage.herd.startWorker(worker);
      await stage.online();
    } finally {
      await runTool('umount', ['/etc/hosts']);
    }
  });
});
