/** Requests outlive everything but their noun: submit, detach, kill the head, start it again, reattach elsewhere. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DROVER, RealHerd, until } from '../../e2e/real-herd.ts';

const herd = new RealHerd();
interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs the command line as another process would. */
const cli = (...args: string[]): Promise<Ended> =>
  new Promise((resolve) => {
    const env = { ...process.env, DROVER_HEAD: herd.url, DROVER_TOKEN: herd.token };
    execFile(DROVER, args, { env }, (error, out, err) => {
      resolve({ code: error ? ((error as { code?: number }).code ?? null) : 0, out, err });
    });
  });

beforeAll(async () => {
  await herd.startHead();
  await herd.addWorker('one', ['--cpus', '2', '--memory', '1GiB']);
}, 60_000);
afterAll(() => herd.close(), 60_000);

describe('a request', () => {
  it('is submitted, survives the head, and is taken up by another process to its result', async () => {
    const began = performance.now();
    const { out } = await cli('launch', '-c', 'a', '--async', '--', 'echo ran');
    const id = out.trim();
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    console.log(`requests: launch --async came back after ${Math.round(performance.now() - began)} ms`);
    await herd.killHead();
    await herd.startHead();
    const logs = await cli('request', 'logs', id.slice(0, 8));
    expect(logs).toMatchObject({ code: 0 });
    expect(logs.out).toContain('Launching on pool/default');
    expect(JSON.parse((await cli('request', 'show', id, '--json')).out)).toMatchObject({
      status: 'SUCCEEDED',
      result: { jobId: 1, cluster: 'a' },
    });
    expect((await cli('job', 'logs', 'a', '1')).out).toContain('ran');
  });

  it('that fails is thrown again, the same, in another process', async () => {
    const { out } = await cli('launch', '-c', 'b', '--async', '--gpus', 'H100:8', '--', 'true');
    const again = await cli('request', 'logs', out.trim(), '--json');
    expect(again.code).toBe(1);
    expect(JSON.parse(again.err.trim().split('\n').at(-1) ?? '')).toMatchObject({
      error: { code: 'RESOURCES_UNAVAILABLE', details: { failoverHistory: [] } },
    });
  });

  it('goes on after Ctrl-C, which says how to take it up and how to cancel it', async () => {
    const env = { ...process.env, DROVER_HEAD: herd.url, DROVER_TOKEN: herd.token };
    const script = 'echo begun; sleep 2; echo through';
    await herd.client.clusters.list();
    const child = spawn(
      DROVER,
      ['exec', 'a', '-y', '--', script].filter((word) => word !== '-y'),
      { env },
    );
    let err = '';
    let out = '';
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString();
    });
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    await until('it runs', () => out.includes('begun'));
    child.kill('SIGINT');
    const [code] = (await once(child, 'exit')) as [number | null];
    expect(code).toBe(130);
    expect(err).toContain('drover job cancel a');
    expect(await herd.client.jobs.tail('a', null, () => undefined)).toBe(0);

    const launch = spawn(DROVER, ['launch', '-c', 'slow', '--workdir', '.', '-y'], { env });
    launch.kill('SIGINT');
    await once(launch, 'exit');
    const future = await herd.client.clusters.launch({
      cluster: 'slow',
      task: { setup: 'sleep 30', run: 'true' },
    });
    const follower = spawn(DROVER, ['request', 'logs', future.id], { env });
    err = '';
    follower.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString();
    });
    out = '';
    follower.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    await until('it sets up', () => out.includes('Running setup'));
    follower.kill('SIGINT');
    expect(((await once(follower, 'exit')) as [number])[0]).toBe(130);
    for (const hint of ['drover request logs', '/v1/requests/', 'drover request cancel'])
      expect(err).toContain(hint);
    const url = /or open: +(\S+)/.exec(err)?.[1] ?? '';
    expect((await cli('request', 'cancel', future.id.slice(0, 8))).out).toContain('is cancelled');
    const text = await fetch(url, {
      headers: { authorization: `Bearer ${herd.token}`, accept: 'text/html' },
    });
    expect(text.headers.get('content-type')).toContain('text/plain');
    expect(await text.text()).toContain('Running setup');
    expect((await herd.client.requests.view(future.id)).status).toBe('CANCELLED');
  });

  it('is found by the beginning of its id; one that fits several is refused, and so is nothing', async () => {
    const { items } = await herd.client.requests.page({ all: true });
    const id = items[0]?.id ?? '';
    expect((await herd.client.requests.view(id.slice(0, 12))).id).toBe(id);
    expect((await herd.client.requests.view(null)).id).toBe(id);
    expect(await cli('request', 'show', 'ffffffff')).toMatchObject({ code: 3 });
    expect(await cli('request', 'cancel')).toMatchObject({ code: 2 });
  });

  it('is one of many: ten launches at once come back at once, and all end', async () => {
    const began = performance.now();
    const futures = await Promise.all(
      Array.from({ length: 10 }, (_, at) =>
        herd.client.clusters.launch({
          cluster: `many${at}`,
          retryUntilUp: true,
          down: true,
          task: { run: 'true', resources: { choices: [{ cpus: { amount: 1, atLeast: false } }] } },
        }),
      ),
    );
    const ms = Math.round(performance.now() - began);
    console.log(`requests: ten launches were accepted after ${ms} ms`);
    for (const future of futures) expect((await future.get()).jobId).toBe(1);
    await until('all are gone', async () =>
      (await herd.client.clusters.list()).every(({ name }) => !name.startsWith('many')),
    );
  });

  it('stop and down cancel the open requests of their cluster', async () => {
    const { clusters, requests } = herd.client;
    const slow = await clusters.launch({ cluster: 'c', task: { setup: 'sleep 60', run: 'true' } });
    await (await clusters.down('c')).get();
    await expect(requests.get(slow.id)).rejects.toMatchObject({ code: 'REQUEST_CANCELLED' });
  });
});
