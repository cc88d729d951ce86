/** Clusters on real workers: launch, exec, stop, start, down; the head is killed at each step. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RealHerd } from './real-herd.ts';

const herd = new RealHerd();

beforeAll(async () => {
  await herd.startHead();
  await herd.addWorker('one', ['--cpus', '4', '--memory', '2GiB']);
  await herd.addWorker('two', ['--cpus', '4', '--memory', '2GiB']);
}, 60_000);
afterAll(() => herd.close(), 60_000);

const homes = (worker: string): string[] => {
  const folder = join(herd.stateOf(worker), 'homes');
  return existsSync(folder) ? readdirSync(folder) : [];
};
const logOf = async (cluster: string, job: number | null): Promise<string> => {
  let text = '';
  for await (const line of herd.client.jobs.log(cluster, job)) text += line;
  return text;
};

describe('a cluster', () => {
  it('is launched, runs setup and then the job, and keeps its home over stop and start', async () => {
    const { clusters, jobs } = herd.client;
    const launch = await clusters.launch({
      cluster: 'c1',
      task: {
        name: 'hello',
        setup: 'echo prepared > ~/witness; echo from setup',
        run: 'cat ~/witness; echo rank $SKYPILOT_NODE_RANK of $DROVER_NUM_NODES',
      },
    });
    const lines: string[] = [];
    const launched = await launch.streamAndGet((line) => lines.push(line));
    expect(launched).toEqual({ jobId: 1, cluster: 'c1' });
    expect(lines.join('')).toContain('(setup) from setup');
    expect(await logOf('c1', 1)).toMatch(
      /\(hello(?:, pid=\d+)?\) prepared\n.*rank 0 of 1\nJob finished \(status: SUCCEEDED\)\.\n/s,
    );
    expect((await clusters.get('c1')).status).toBe('UP');

    expect(await (await clusters.exec('c1', { task: { run: 'exit 7' } })).get()).toEqual({
      jobId: 2,
      cluster: 'c1',
    });
    expect(await jobs.tail('c1', 2, () => undefined)).toBe(100);

    await (await clusters.stop('c1')).get();
    expect((await clusters.get('c1')).status).toBe('STOPPED');
    await expect(clusters.exec('c1', { task: { run: 'true' } })).rejects.toMatchObject({
      code: 'CLUSTER_NOT_UP',
    });
    await (await clusters.start('c1')).get();
    await (await clusters.exec('c1', { task: { run: 'cat ~/witness' } })).get();
    expect(await logOf('c1', 3)).toContain('prepared');

    await (await clusters.down('c1')).get();
    expect(await clusters.list()).toEqual([]);
    expect([...homes('one'), ...homes('two')]).toEqual([]);
    await expect(clusters.get('c1')).rejects.toMatchObject({ code: 'CLUSTER_NOT_FOUND' });
  });

  it('runs a gang on two nodes, and one that fails ends the other', async () => {
    const { clusters, jobs } = herd.client;
    const task = {
      numNodes: 2,
      run: 'echo "$SKYPILOT_NODE_IPS" | wc -l; test $SKYPILOT_NODE_RANK = 0 && sleep 300; exit 3',
    };
    await (await clusters.launch({ cluster: 'gang', task })).get();
    expect(await jobs.tail('gang', 1, () => undefined)).toBe(100);
    const job = await jobs.get('gang', 1);
    expect(job).toMatchObject({ status: 'FAILED', exitCode: 3, nodes: [0, 1] });
    await (await clusters.down('gang')).get();
  });

  it('fails with what is known when setup fails, and keeps its node', async () => {
    const { clusters } = herd.client;
    const launch = await clusters.launch({
      cluster: 'bad',
      task: { setup: 'echo broken; exit 9', run: 'true' },
    });
    await expect(launch.get()).rejects.toMatchObject({ code: 'COMMAND_FAILED', details: { exitCode: 9 } });
    expect(await clusters.get('bad')).toMatchObject({ status: 'INIT', reason: { code: 'SETUP_FAILED' } });
    await (await clusters.down('bad')).get();
  });

  it('tells what could never fit from what is taken now', async () => {
    const { clusters } = herd.client;
    const huge = {
      numNodes: 1,
      resources: { choices: [{ cpus: { amount: 64, atLeast: true } }] },
      run: 'true',
    };
    await expect((await clusters.launch({ cluster: 'huge', task: huge })).get()).rejects.toMatchObject({
      code: 'RESOURCES_UNAVAILABLE',
      details: { failoverHistory: [] },
    });
    expect(await clusters.list({ names: ['huge'] })).toEqual([]);
    const four = { resources: { choices: [{ cpus: { amount: 4, atLeast: true } }] }, numNodes: 2 };
    await (await clusters.launch({ cluster: 'full', task: four })).get();
    const late = await clusters.launch({ cluster: 'late', task: { ...four, numNodes: 1 } });
    await expect(late.get()).rejects.toMatchObject({
      code: 'RESOURCES_UNAVAILABLE',
      details: { failoverHistory: [{ code: 'OUT_OF_STOCK' }] },
    });
    const patient = await clusters.launch({
      cluster: 'late',
      task: { ...four, numNodes: 1 },
      retryUntilUp: true,
    });
    await (await clusters.down('full')).get();
    expect(await patient.get()).toEqual({ jobId: null, cluster: 'late' });
    await (await clusters.down('late')).get();
  });
});

describe('a head that is killed', () => {
  it('finishes a launch that another process then asks for', async () => {
    const { clusters } = herd.client;
    const launch = await clusters.launch({
      cluster: 'k',
      task: { setup: 'sleep 1; echo done', run: 'echo ran' },
    });
    await herd.killHead();
    await herd.startHead();
    expect(await herd.client.requests.get(launch.id)).toEqual({ jobId: 1, cluster: 'k' });
    expect(await logOf('k', 1)).toContain('ran');
    const down = await herd.client.clusters.down('k');
    await herd.killHead();
    await herd.startHead();
    expect(await herd.client.requests.get(down.id.slice(0, 8))).toBeNull();
    expect([...homes('one'), ...homes('two')]).toEqual([]);
  });
});
