/** Infra with real heads and workers: `local`, and `fake` with its workers on this machine. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { MachineView, WorkerView } from 'drover';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DROVER, RealHerd, until } from './real-herd.ts';

const FAKE = `
demo:
  types:
    - {type: small, cpus: 2, memoryMiB: 4096, price: 0.5}
    - {type: gpu, cpus: 8, memoryMiB: 65536, gpus: '2xH100:80GB', price: 5}
`;

const run = promisify(execFile);
let herd: RealHerd;
let fake: string;

const machines = async (): Promise<MachineView[]> => await herd.client.infra.machines();
const workers = async (place: string): Promise<WorkerView[]> =>
  (await herd.client.workers.list({ status: 'ONLINE' })).filter((worker) => worker.place === place);
/** The process of the one worker of `local`. */
const localPid = (): number => {
  const root = join(herd.stateOf('head'), 'infra/local');
  const [tag = ''] = readdirSync(root);
  return (JSON.parse(readFileSync(join(root, tag, 'process.json'), 'utf8')) as { pid: number }).pid;
};

beforeAll(async () => {
  herd = new RealHerd([]);
  fake = join(herd.dir, 'fake.yaml');
  writeFileSync(fake, FAKE);
  (herd.headFlags as string[]).push('--fake-infra', fake);
  await herd.startHead();
});
afterAll(async () => {
  for (const { name } of await herd.client.clusters.list()) await herd.client.clusters.down(name);
  await herd.client.infra.down('local');
  await until('no machine is left', async () => (await machines()).length === 0, 40_000);
  await herd.close();
});

it('local comes up with the first wish, and its worker belongs to it', async () => {
  await herd.client.infra.up('local');
  await until('it is READY', async () => (await machines())[0]?.status === 'READY', 20_000);
  const [worker] = await workers('local');
  const [machine] = await machines();
  expect(machine).toMatchObject({ infra: 'local', worker: worker?.id, cost: 0 });
  expect(worker).toMatchObject({ name: 'local', machine: machine?.id });
});

it('P1: a head that is killed finds the worker that it started before', async () => {
  const pid = localPid();
  await herd.killHead();
  await herd.startHead();
  await until('it is ONLINE', async () => (await workers('local')).length === 1, 20_000);
  expect(localPid()).toBe(pid);
});

it('P6: a worker that is killed is started again, with its identity', async () => {
  const [before] = await workers('local');
  process.kill(localPid(), 'SIGKILL');
  await until('it is away', async () => (await workers('local')).length === 0, 20_000);
  await until('it is ONLINE', async () => (await workers('local')).length === 1, 40_000);
  expect((await workers('local'))[0]?.id).toBe(before?.id);
});

it('local stops and keeps what it has, and comes back as the same worker', async () => {
  const [before] = await workers('local');
  await herd.client.infra.down('local', { keep: true });
  await until('it is STOPPED', async () => (await machines())[0]?.status === 'STOPPED', 20_000);
  await herd.client.infra.up('local');
  await until('it is ONLINE', async () => (await workers('local')).length === 1, 20_000);
  expect((await workers('local'))[0]?.id).toBe(before?.id);
});

it('a cluster that starts again brings its infra back, with what lay on its node', async () => {
  const env = { ...process.env, DROVER_HEAD: herd.url, DROVER_TOKEN: herd.token };
  const drover = async (...words: string[]) => (await run(DROVER, words, { env })).stdout;
  await drover('launch', '-y', '-c', 'kept', '--infra', 'local', '--', 'echo it is here > ~/kept');
  await drover('cluster', 'stop', '-y', 'kept');
  await herd.client.infra.down('local', { keep: true });
  await until('it is STOPPED', async () => (await machines())[0]?.status === 'STOPPED', 20_000);
  await drover('cluster', 'start', 'kept');
  expect(await drover('exec', 'kept', '--', 'cat ~/kept')).toContain('it is here');
  await expect(herd.client.infra.down('local')).rejects.toMatchObject({ code: 'INFRA_IN_USE' });
  await drover('cluster', 'down', '-y', 'kept');
});

it('a fake machine offers the GPUs of its type, runs a task, and is gone with its cluster', async () => {
  const words = ['launch', '-y', '-c', 'big', '--infra', 'fake/demo', '--gpus', 'H100:2'];
  const env = { ...process.env, DROVER_HEAD: herd.url, DROVER_TOKEN: herd.token };
  const { stdout } = await run(DROVER, [...words, '--', 'echo GPUs $CUDA_VISIBLE_DEVICES'], { env });
  expect(stdout).toContain('GPUs 0,1');
  await until(
    'it is READY',
    async () => (await machines()).some(({ type, status }) => type === 'gpu' && status === 'READY'),
    30_000,
  );
  const [worker] = await workers('fake/demo');
  expect(worker?.gpus.map(({ model, memoryMiB }) => [model, memoryMiB])).toEqual([
    ['H100', 81_920],
    ['H100', 81_920],
  ]);
  const machine = (await machines()).find(({ type }) => type === 'gpu');
  expect(machine).toMatchObject({ infra: 'fake/demo', pricePerHour: 5 });
  await herd.client.clusters.down('big');
  await until('it is gone', async () => !(await machines()).some(({ type }) => type === 'gpu'), 40_000);
  expect(await workers('fake/demo')).toEqual([]);
  expect(readdirSync(join(herd.stateOf('head'), 'infra/fake/demo/machines'))).toEqual([]);
});
