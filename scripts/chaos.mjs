// `npm run chaos`: what test/chaos needs around it. Installs the network tools, copies the built programs aside, and enters
// private pid, mount and network namespaces: when this process dies, by whatever hand, the kernel ends all that it started.
import { spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBuilt, ensureInstalled } from './ensure.mjs';
import { root } from './steps.mjs';

const PREFIX = 'drover-chaos-';
const args = process.argv.slice(2);
const scenarios = args[0] === '--scenarios';
/** Another program that needs the same around it. */
const other = args[0] === '--program' ? args[1] : null;

const here = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
const namespaces = [
  ...here,
  '--mount',
  '--net',
  '--pid',
  '--fork',
  '--kill-child',
  '--mount-proc',
  '--propagation',
  'private',
];
// `setpriv --pdeathsig`: unshare dies with us, and `--kill-child` takes process 1 with it, and that everything else.
/** As process 1 a shell: it takes in the orphans of killed programs, as an init does. */
const INIT =
  'mount -t tmpfs tmpfs /run && mkdir -p /run/netns && ip link set lo up || exit 3; "$@" & wait $!';

installTools();
probe();
sweep();
ensureInstalled();
const run = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`));
const program = scenarios
  ? [join(root, 'node_modules/.bin/vitest'), 'run', '--project', 'chaos', ...args.slice(1)]
  : [
      process.execPath,
      '--import',
      'tsx',
      join(root, other ?? 'test/chaos/main.ts'),
      ...(other ? args.slice(2) : args),
    ];
const child = spawn(
  'setpriv',
  ['--pdeathsig', 'KILL', 'unshare', ...namespaces, 'sh', '-c', INIT, 'sh', ...program],
  {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, CHAOS_RUN: run, CHAOS_BUNDLE: bundle() },
  },
);
// The terminal sends it to all of us; the run ends in order and we wait for it.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => child.kill('SIGKILL'));
child.on('exit', (code) => {
  removeCgroups(run);
  if (scenarios && code === 1) {
    writeFileSync(join(run, 'keep'), '');
    console.log(`chaos: state folders and logs of the scenarios: ${run}`);
  }
  if (code === 0 || !existsSync(join(run, 'keep'))) rmSync(run, { recursive: true, force: true });
  process.exit(code ?? 1);
});

/** Debian packages; printed, because it changes the machine. */
function installTools() {
  const missing = [
    ['ip', 'iproute2'],
    ['iptables', 'iptables'],
    ['sshd', 'openssh-server'],
    ['ssh-keygen', 'openssh-client'],
    ['openssl', 'openssl'],
    ['unshare', 'util-linux'],
  ].filter(([tool]) => spawnSync('sh', ['-c', `PATH=$PATH:/usr/sbin:/sbin command -v ${tool}`]).status !== 0);
  if (missing.length === 0) return;
  const packages = missing.map(([, name]) => name);
  console.log(
    `chaos: ${packages.join(', ')} missing: apt-get install -y --no-install-recommends ${packages.join(' ')}`,
  );
  const install = () =>
    spawnSync('apt-get', ['install', '-y', '--no-install-recommends', '-qq', ...packages], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  if (install().status === 0) return;
  spawnSync('apt-get', ['update', '-qq'], { stdio: 'ignore' });
  if (install().status === 0) return;
  stop(`cannot install ${packages.join(', ')}; install them by hand and run again`);
}

function probe() {
  const test = spawnSync(
    'unshare',
    [...namespaces, 'sh', '-c', `${INIT}`, 'sh', 'ip', 'netns', 'add', 'probe'],
    { encoding: 'utf8' },
  );
  if (test.status === 0) return;
  stop(
    `this user may make no namespaces here: ${test.stderr.trim() || test.error?.message}\n` +
      'chaos: run it as root, or allow unprivileged user namespaces (kernel.unprivileged_userns_clone, AppArmor)',
  );
}

/** Another folder than the workspace's own, so that a build beside a run changes nothing under it. */
function bundle() {
  const at = join(run, 'bundle');
  let dist = process.env.CHAOS_DIST;
  if (dist === undefined) {
    ensureBuilt();
    dist = join(root, 'packages/drover/dist');
  }
  mkdirSync(at);
  cpSync(dist, join(at, 'dist'), { recursive: true });
  writeFileSync(join(at, 'package.json'), '{"type":"module"}\n');
  symlinkSync(join(root, 'node_modules'), join(at, 'node_modules'));
  return at;
}

/** What runs that were killed have left: folders and empty cgroups. Their processes went with their namespaces. */
function sweep() {
  for (const name of readdirSync(tmpdir())) {
    const pid = name.startsWith(PREFIX) ? Number(name.slice(PREFIX.length).split('-')[0]) : Number.NaN;
    const left = join(tmpdir(), name);
    const isOurs = statSync(left, { throwIfNoEntry: false })?.uid === process.getuid?.();
    if (!Number.isInteger(pid) || !isOurs || existsSync(`/proc/${pid}`)) continue;
    removeCgroups(left);
    if (!existsSync(join(left, 'keep'))) rmSync(left, { recursive: true, force: true });
  }
}

/** Those of the workers whose ids the run has noted. */
function removeCgroups(folder) {
  const noted = join(folder, 'worker-ids');
  if (!existsSync(noted)) return;
  const names = readdirSync(noted).map((id) => `drover-${id.slice(0, 8)}`);
  spawnSync(
    'find',
    [
      '/sys/fs/cgroup',
      '-depth',
      '-type',
      'd',
      '(',
      ...names.flatMap((name) => ['-path', `*/${name}`, '-o', '-path', `*/${name}/*`, '-o']),
      '-false',
      ')',
      '-exec',
      'rmdir',
      '{}',
      ';',
    ],
    { stdio: 'ignore' },
  );
}

function stop(why) {
  console.error(`chaos: ${why}`);
  process.exit(2);
}
