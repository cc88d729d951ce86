/** The contract of providers on `local` and `fake`. Their workers are a program that only waits. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeProvider } from '@drover/testkit';
import { afterAll, expect, it } from 'vitest';
import { realClock } from '../os/clock.ts';
import { FakeCloud } from './fake/cloud.ts';
import { parseFakeConfig } from './fake/config.ts';
import { fileDesk, localFakeHost } from './fake/local-host.ts';
import { LocalProvider } from './local.ts';
import { WorkerProcesses } from './worker-processes.ts';

const root = mkdtempSync(join(tmpdir(), 'drover-infra-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const WAITS = ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.05; done'];
const place = async () => ({ url: 'http://127.0.0.1:9', ca: null });

describeProvider('local', async () => {
  const open = (): LocalProvider => new LocalProvider(new WorkerProcesses(join(root, 'local'), WAITS), place);
  return { provider: open(), reopen: async () => open(), close: async () => undefined };
});

describeProvider('fake', async () => {
  const text = 'demo:\n  types: [{type: small, cpus: 1, memoryMiB: 512, price: 0.1}]\n';
  const config = parseFakeConfig(text, 'the test').get('demo');
  if (!config) throw new Error('no configuration');
  const dir = join(root, 'fake');
  mkdirSync(dir);
  const open = (): FakeCloud =>
    new FakeCloud({
      infra: 'fake/demo',
      config: () => config,
      clock: realClock,
      host: localFakeHost(new WorkerProcesses(join(dir, 'machines'), WAITS), place),
      desk: fileDesk(dir),
    });
  return { provider: open(), reopen: async () => open(), close: async () => undefined };
});

it('the join token of a worker is in no argument, and in no file that others read', async () => {
  const processes = new WorkerProcesses(join(root, 'secret'), WAITS);
  const shape = { name: 'x', cpus: null, memoryMiB: null, gpus: null };
  await processes.start('tag', shape, await place(), 'drvj_secret');
  const { pid } = JSON.parse(readFileSync(join(processes.folder('tag'), 'process.json'), 'utf8'));
  expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).not.toContain('drvj_secret');
  for (const name of readdirSync(processes.folder('tag')))
    expect(readFileSync(join(processes.folder('tag'), name), 'utf8')).not.toContain('drvj_secret');
  await processes.erase('tag');
  expect(processes.tags()).toEqual([]);
});
