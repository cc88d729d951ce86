/** Task files as people write them, to their end on two real ssh hosts: the command line, files, setup, gangs, `ssh`. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SeededRandom } from '@drover/testkit/seeded-random';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ChaosHerd } from '../harness/herd.ts';
import { bundleFolder, runFolder } from '../harness/sdk.ts';
import { type SshHost, SshHosts } from '../harness/sshd.ts';

const INDEX = 40 + Number(process.env['VITEST_POOL_ID'] ?? 0);
const TASKS = fileURLToPath(new URL('../../conformance/tasks', import.meta.url));

let herd: ChaosHerd;
let hosts: SshHosts;
let a: SshHost;
let b: SshHost;
let folder: string;

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a program as a person on this machine would, with a home of its own. */
function run(file: string, args: readonly string[], cwd = folder): Promise<Ended> {
  const env = { ...process.env, HOME: folder, DROVER_HEAD: herd.url, DROVER_TOKEN: herd.token };
  return new Promise((resolve) => {
    execFile(file, args, { env, cwd, timeout: 60_000 }, (error, out, err) => {
      const code = error ? Number((error as { code?: unknown }).code ?? 1) : 0;
      resolve({ code, out, err });
    });
  });
}
const drover = (...args: string[]): Promise<Ended> =>
  run(process.execPath, [join(bundleFolder(), 'dist/bin.js'), ...args]);

beforeAll(async () => {
  mkdirSync(runFolder(), { recursive: true });
  folder = mkdtempSync(join(runFolder(), 'tasks-'));
  const pools = join(folder, 'pools.yaml');
  writeFileSync(pools, '{}\n');
  const random = new SeededRandom(INDEX);
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
  a = await hosts.add('ta', 22);
  b = await hosts.add('tb', 2222);
  const lines = [a, b].map(
    ({ name, address, user, port }) => `    - {name: ${name}, ip: ${address}, user: ${user}, port: ${port}}`,
  );
  writeFileSync(pools, ['lab:', `  identity_file: ${hosts.key}`, '  hosts:', ...lines, ''].join('\n'));
  for (const name of ['code', 'data']) mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, 'code/train.sh'), 'echo trained\n');
  writeFileSync(join(folder, 'data/app.conf'), 'key = value\n');
}, 120_000);

afterAll(async () => {
  await hosts?.close();
  await herd?.close();
}, 60_000);

/** What the comments of a file say of it. */
function describeFile(name: string) {
  const text = readFileSync(join(TASKS, name), 'utf8');
  const said = (key: string): string[] =>
    [...text.matchAll(new RegExp(`^# ${key}: (.*)$`, 'gm'))].map(([, value]) => value ?? '');
  return { runs: said('runs')[0] === 'yes', env: said('env'), secret: said('secret') };
}

const files = readdirSync(TASKS).filter((name) => describeFile(name).runs);

it.each(files)(
  '%s runs to its end',
  async (name) => {
    const { env, secret } = describeFile(name);
    const task = join(folder, name);
    writeFileSync(task, readFileSync(join(TASKS, name)));
    const cluster = `t${name.slice(0, 2)}`;
    const flags = [
      ...env.flatMap((pair) => ['--env', pair]),
      ...secret.flatMap((pair) => ['--secret', pair]),
    ];
    const began = performance.now();
    const launched = await drover('launch', '-y', '-c', cluster, '--infra', 'ssh/lab', ...flags, `./${name}`);
    console.log(`tasks: ${name} took ${Math.round(performance.now() - began)} ms`);
    expect(launched, launched.err).toMatchObject({ code: 0 });
    expect(launched.out).toContain('Considered resources');
    if (!name.startsWith('02')) expect(launched.out).toContain('Job finished (status: SUCCEEDED)');
    expect(launched.out).not.toContain('not-shown');
    const down = await drover('cluster', 'down', '-y', cluster);
    expect(down, down.err).toMatchObject({ code: 0 });
  },
  120_000,
);

it('a two-node task runs on both hosts, each with its rank and both addresses', async () => {
  const launched = await drover(
    'launch',
    '-y',
    '-c',
    'pair',
    '--infra',
    'ssh/lab',
    '--num-nodes',
    '2',
    '--',
    'echo rank=$DROVER_NODE_RANK of $SKYPILOT_NUM_NODES at $(echo $SKYPILOT_NODE_IPS)',
  );
  expect(launched, launched.err).toMatchObject({ code: 0 });
  for (const rank of [0, 1]) expect(launched.out).toContain(`rank=${rank} of 2 at`);
  for (const { address } of [a, b]) expect(launched.out).toContain(address);
});

it('"ssh <cluster>" leads to each of its nodes', async () => {
  const written = await drover('cluster', 'ssh-config');
  expect(written, written.err).toMatchObject({ code: 0 });
  const config = join(folder, '.ssh/config');
  expect(existsSync(config)).toBe(true);
  const said: string[] = [];
  for (const name of ['pair', 'pair-worker1']) {
    const options = [
      '-F',
      config,
      '-o',
      'StrictHostKeyChecking=no',
      '-o',
      `UserKnownHostsFile=${join(folder, 'known')}`,
    ];
    // An Include of a relative name lies in the home of the caller, which ssh takes from the user's record.
    const text = readFileSync(join(dirname(config), 'drover_config'), 'utf8');
    writeFileSync(join(folder, 'ssh.conf'), text);
    options[1] = join(folder, 'ssh.conf');
    const ended = await run('ssh', [...options, name, 'pwd; echo on-$USER']);
    expect(ended, ended.err).toMatchObject({ code: 0 });
    said.push(ended.out);
  }
  expect(new Set(said).size).toBe(2);
  const down = await drover('cluster', 'down', '-y', 'pair');
  expect(down.code).toBe(0);
});

it('leaves nothing of the clusters on the hosts', () => {
  for (const host of [a, b]) {
    const root = join(host.home, '.drover/worker');
    const homes = readdirSync(root).flatMap((tag) => {
      const path = join(root, tag, 'homes');
      return existsSync(path) ? readdirSync(path) : [];
    });
    expect(homes).toEqual([]);
  }
});
