/** The infra `ssh/<pool>` on real sshd hosts: two network namespaces, each with a user, a home and a port of its own. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SeededRandom } from '@drover/testkit/seeded-random';
import type { Client, MachineView, WorkerView } from 'drover';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ChaosHerd } from '../harness/herd.ts';
import { bundleFolder, runFolder } from '../harness/sdk.ts';
import { until } from '../harness/shell.ts';
import { type SshHost, SshHosts } from '../harness/sshd.ts';

const INDEX = Number(process.env['VITEST_POOL_ID'] ?? 0);

const run = promisify(execFile);
let herd: ChaosHerd;
let hosts: SshHosts;
let a: SshHost;
let b: SshHost;
let pools: string;
let folder: string;

const client = (): Client => herd.client();
const machines = async (): Promise<MachineView[]> => await client().infra.machines();
const workers = async (): Promise<WorkerView[]> =>
  (await client().workers.list()).filter((worker) => worker.place === 'ssh/lab');
const online = async (): Promise<string[]> =>
  (await workers()).flatMap((worker) => (worker.status === 'ONLINE' ? [worker.name ?? ''] : [])).sort();
const infra = async (name = 'ssh/lab') => {
  const view = (await client().infra.list({ refresh: true })).find((each) => each.name === name);
  if (!view) throw new Error(`no ${name}`);
  return view;
};
/** Pids and start times of the workers, as the hosts have them. */
const identities = (host: SshHost): string[] => {
  const root = join(host.home, '.drover/worker');
  return existsSync(root) ? readdirSync(root).map((tag) => readFileSync(join(root, tag, 'pid'), 'utf8')) : [];
};

beforeAll(async () => {
  mkdirSync(runFolder(), { recursive: true });
  folder = mkdtempSync(join(runFolder(), 'ssh-'));
  pools = join(folder, 'pools.yaml');
  writeFileSync(pools, '{}\n', { mode: 0o600 });
  const random = new SeededRandom(INDEX + 3);
  herd = await ChaosHerd.open({
    folder: join(folder, 'herd'),
    bundle: bundleFolder(),
    run: String(process.ppid),
    index: INDEX,
    random: () => random.float(),
    headFlags: ['--ssh-pools', pools],
  });
  await herd.startHead();
  hosts = await SshHosts.open(herd.network, join(folder, 'sshd'));
  a = await hosts.add('a', 22);
  b = await hosts.add('b', 2222);
  writeFileSync(
    pools,
    [
      'lab:',
      `  identity_file: ${hosts.key}`,
      '  hosts:',
      `    - {name: host-a, ip: ${a.address}, user: ${a.user}}`,
      `    - {name: host-b, ip: ${b.address}, user: ${b.user}, port: ${b.port}}`,
      '',
    ].join('\n'),
  );
});

afterAll(async () => {
  await hosts?.close();
  await herd?.close();
});

it('shows what the hosts have before anything is put there', async () => {
  const view = await infra();
  expect(view).toMatchObject({ enabled: true, reason: null, up: false, machines: 0, sharing: 'shared' });
  expect(view.types.reduce((sum, type) => sum + (type.available ?? 0), 0)).toBe(2);
  expect(identities(a)).toEqual([]);
});

it('brings a worker up on each host, without root, container or Node there', async () => {
  const began = performance.now();
  await client().infra.up('ssh/lab');
  await until('both are ONLINE', async () => (await online()).length === 2, 80_000);
  console.log(`ssh: two hosts ONLINE after ${Math.round(performance.now() - began)} ms`);
  expect(await online()).toEqual(['host-a', 'host-b']);
  expect((await machines()).map(({ status, failure }) => [status, failure])).toEqual([
    ['READY', null],
    ['READY', null],
  ]);
  const [tag = ''] = readdirSync(join(a.home, '.drover/worker'));
  const pid = readFileSync(join(a.home, '.drover/worker', tag, 'pid'), 'utf8').split(' ')[0];
  const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  expect(line).not.toContain('drvj_');
  expect(line).toContain(`${a.home}/.drover/runtime/`);
});

it('runs a task on both hosts at once, and its log comes back', async () => {
  const program = join(bundleFolder(), 'dist/bin.js');
  const words = ['launch', '-y', '-c', 'pair', '--infra', 'ssh/lab', '--num-nodes', '2', '--cpus', '1'];
  const env = { ...process.env, DROVER_HEAD: herd.url, DROVER_TOKEN: herd.token };
  const command = 'echo "rank $DROVER_NODE_RANK in $HOME as $(id -u)"';
  const { stdout } = await run(process.execPath, [program, ...words, '--', command], { env });
  expect(stdout).toMatch(/rank 0 in/);
  expect(stdout).toMatch(/rank 1 in/);
  await (await client().clusters.down('pair')).get();
});

it('a head that is killed and starts again finds the same workers by the same tunnels', async () => {
  const before = [...identities(a), ...identities(b)];
  await herd.end(herd.head, 'SIGKILL');
  await herd.startHead();
  await until('both are ONLINE', async () => (await online()).length === 2, 40_000);
  expect([...identities(a), ...identities(b)]).toEqual(before);
  expect((await machines()).map(({ status }) => status)).toEqual(['READY', 'READY']);
});

it('a tunnel that breaks is dug again at its port, and the worker stays the same', async () => {
  const before = identities(b);
  await hosts.stop('b');
  await until('b is away', async () => !(await online()).includes('host-b'), 20_000);
  await hosts.start('b');
  await until('both are ONLINE', async () => (await online()).length === 2, 60_000);
  expect(identities(b)).toEqual(before);
});

it('a host that shows another key is refused, with what to do', async () => {
  await hosts.changeKey('b');
  await until(
    'it is said',
    async () => /another host key/.test((await infra()).reason?.message ?? ''),
    60_000,
  );
  expect((await infra()).reason?.message).toMatch(/host-b .* remove its line from .*known_hosts\.json/);
  const path = join(herd.head.disk.folder, 'infra/ssh/known_hosts.json');
  const known = JSON.parse(readFileSync(path, 'utf8'));
  delete known[`[${b.address}]:${b.port}`];
  writeFileSync(path, JSON.stringify(known));
  await until('both are ONLINE', async () => (await online()).length === 2, 80_000);
});

it('goes down without a trace on the hosts', async () => {
  await client().infra.down('ssh/lab');
  await until('no machine is left', async () => (await machines()).length === 0, 60_000);
  expect([hosts.hasDrover('a'), hosts.hasDrover('b')]).toEqual([false, false]);
  expect(await workers()).toEqual([]);
});

it('comes up faster the second time, for the archive is made', async () => {
  const began = performance.now();
  await client().infra.up('ssh/lab');
  await until('both are ONLINE', async () => (await online()).length === 2, 60_000);
  console.log(`ssh: two hosts ONLINE again after ${Math.round(performance.now() - began)} ms`);
  await client().infra.down('ssh/lab');
  await until('no machine is left', async () => (await machines()).length === 0, 60_000);
});

it('says of each host what it refuses', async () => {
  const c = await hosts.add('c', 22, ['AllowTcpForwarding no']);
  writeFileSync(
    pools,
    [
      'stranger:',
      '  hosts:',
      `    - {ip: ${a.address}, user: ${a.user}, password: wrong}`,
      'away:',
      '  hosts:',
      `    - {ip: 10.77.${INDEX}.250, user: x, password: x}`,
      'closed:',
      '  hosts:',
      `    - {ip: ${c.address}, user: ${c.user}, password: "${c.password}"}`,
      '',
    ].join('\n'),
  );
  expect(await infra('ssh/stranger')).toMatchObject({
    enabled: false,
    reason: { code: 'AUTH', message: expect.stringContaining('mend user, identity_file or password') },
  });
  expect(await infra('ssh/away')).toMatchObject({ enabled: false, reason: { code: 'TRANSIENT' } });
  expect((await infra('ssh/closed')).enabled).toBe(true);
  await client().infra.up('ssh/closed');
  await until(
    'it has failed',
    async () => (await machines()).some(({ status }) => status === 'FAILED'),
    30_000,
  );
  expect((await machines())[0]?.failure).toMatchObject({
    code: 'INVALID',
    message: expect.stringContaining('AllowTcpForwarding yes'),
  });
  await client().infra.down('ssh/closed');
  await until('nothing is left', async () => (await machines()).length === 0, 30_000);
});
