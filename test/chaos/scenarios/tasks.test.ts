/** Task files as people write them, to their end on two real ssh hosts: the command line, files, setup, gangs, `ssh`. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SshHerd } from '../harness/ssh-herd.ts';

const INDEX = 40 + Number(process.env['VITEST_POOL_ID'] ?? 0);
const TASKS = fileURLToPath(new URL('../../conformance/tasks', import.meta.url));

let ssh: SshHerd;

beforeAll(async () => {
  ssh = await SshHerd.open(INDEX, ['ta', 'tb']);
  for (const name of ['code', 'data']) mkdirSync(join(ssh.folder, name), { recursive: true });
  writeFileSync(join(ssh.folder, 'code/train.sh'), 'echo trained\n');
  writeFileSync(join(ssh.folder, 'data/app.conf'), 'key = value\n');
}, 120_000);
afterAll(async () => await ssh?.close(), 60_000);

/** What the comments of a file say of it. */
function describeFile(name: string) {
  const text = readFileSync(join(TASKS, name), 'utf8');
  const said = (key: string): string[] =>
    [...text.matchAll(new RegExp(`^# ${key}: (.*)$`, 'gm'))].map(([, value]) => value ?? '');
  return { runs: said('runs')[0] === 'yes', env: said('env'), secret: said('secret') };
}

const files = readdirSync(TASKS).filter((name) => name.endsWith('.yaml') && describeFile(name).runs);

it.each(files)(
  '%s runs to its end',
  async (name) => {
    const { env, secret } = describeFile(name);
    writeFileSync(join(ssh.folder, name), readFileSync(join(TASKS, name)));
    const cluster = `t${name.slice(0, 2)}`;
    const flags = [
      ...env.flatMap((pair) => ['--env', pair]),
      ...secret.flatMap((pair) => ['--secret', pair]),
    ];
    const began = performance.now();
    const launched = await ssh.drover(
      'launch',
      '-y',
      '-c',
      cluster,
      '--infra',
      'ssh/lab',
      ...flags,
      `./${name}`,
    );
    console.log(`tasks: ${name} took ${Math.round(performance.now() - began)} ms`);
    expect(launched, launched.err).toMatchObject({ code: 0 });
    expect(launched.out).toContain('Considered resources');
    if (!name.startsWith('02')) expect(launched.out).toContain('Job finished (status: SUCCEEDED)');
    expect(launched.out).not.toContain('not-shown');
    const down = await ssh.drover('cluster', 'down', '-y', cluster);
    expect(down, down.err).toMatchObject({ code: 0 });
  },
  120_000,
);

it('a two-node task runs on both hosts, each with its rank and both addresses', async () => {
  const script = 'echo rank=$DROVER_NODE_RANK of $SKYPILOT_NUM_NODES at $(echo $SKYPILOT_NODE_IPS)';
  const flags = ['-y', '-c', 'pair', '--infra', 'ssh/lab', '--num-nodes', '2'];
  const launched = await ssh.drover('launch', ...flags, '--', script);
  expect(launched, launched.err).toMatchObject({ code: 0 });
  for (const rank of [0, 1]) expect(launched.out).toContain(`rank=${rank} of 2 at`);
  for (const { address } of ssh.hosts) expect(launched.out).toContain(address);
});

it('"ssh <cluster>" leads to each of its nodes', async () => {
  const written = await ssh.drover('cluster', 'ssh-config');
  expect(written, written.err).toMatchObject({ code: 0 });
  expect(readFileSync(join(ssh.folder, '.ssh/config'), 'utf8')).toContain('Include drover_config');
  const said: string[] = [];
  for (const name of ['pair', 'pair-worker1']) {
    // An Include of a relative name lies in the home of the caller, which ssh takes from the record of the user.
    const flags = ['-F', join(ssh.folder, '.ssh/drover_config'), '-o', 'StrictHostKeyChecking=no'];
    const known = ['-o', `UserKnownHostsFile=${join(ssh.folder, 'known')}`];
    const ended = await ssh.run('ssh', [...flags, ...known, name, 'pwd']);
    expect(ended, ended.err).toMatchObject({ code: 0 });
    said.push(ended.out.trim());
  }
  // Which host is the first node is the scheduler's choice.
  expect(said.sort()).toEqual(ssh.hosts.map(({ home }) => home).sort());
  expect((await ssh.drover('cluster', 'down', '-y', 'pair')).code).toBe(0);
});

it('leaves nothing of the clusters on the hosts', () => {
  for (const host of ssh.hosts) {
    const root = join(host.home, '.drover/worker');
    const homes = readdirSync(root).flatMap((tag) => {
      const path = join(root, tag, 'homes');
      return existsSync(path) ? readdirSync(path) : [];
    });
    expect(homes).toEqual([]);
  }
});
