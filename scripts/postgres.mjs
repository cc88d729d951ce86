// A PostgreSQL server of Debian's for tests: found or installed, made in a temporary folder, stopped and removed at the end.
// `node scripts/postgres.mjs` prints one line {"url", "dir", "bin"} when it serves, and runs until a signal or until its stdin ends.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const START_MS = 30_000;

/** The folder of the server's programs; the newest version. Installed when there is none. */
function findBinaries() {
  const found = lookForBinaries();
  if (found) return found;
  const apt = ['apt-get', 'install', '-y', '--no-install-recommends', 'postgresql'];
  const command = process.getuid() === 0 ? apt : ['sudo', '-n', ...apt];
  console.error(`postgres: no server here, running ${command.join(' ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const { status, error } = spawnSync(command[0], command.slice(1), { stdio: ['ignore', 2, 2], env });
  const installed = lookForBinaries();
  if (installed) return installed;
  throw new Error(
    `there is no PostgreSQL server, and it could not be installed (${error?.message ?? `status ${status}`}): install Debian's package "postgresql"`,
  );
}

function lookForBinaries() {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [...versions.map((version) => join(root, version, 'bin')), '/usr/local/bin', '/usr/bin'];
  return folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')));
}

/** The server refuses to run as root: then it is the user postgres, or nobody. */
function chooseUser() {
  if (process.getuid() !== 0) return null;
  for (const name of ['postgres', 'nobody']) {
    const entry = spawnSync('getent', ['passwd', name], { encoding: 'utf8' }).stdout?.trim().split(':');
    if (entry?.length > 3) return { uid: Number(entry[2]), gid: Number(entry[3]) };
  }
  throw new Error(
    'this is root, for whom PostgreSQL does not run, and there is neither a user postgres nor nobody',
  );
}

/** @returns a port that was free a moment ago */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

async function main() {
  const bin = findBinaries();
  const user = chooseUser();
  const dir = mkdtempSync(join(tmpdir(), 'drover-postgres-'));
  chmodSync(dir, 0o755);
  if (user) chownSync(dir, user.uid, user.gid);
  const data = join(dir, 'data');
  const port = await freePort();
  const options = { ...user, cwd: dir, env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8', HOME: dir } };
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
  execFileSync(join(bin, 'initdb'), ['-D', data, '-U', 'drover', '-E', 'UTF8', '--auth=trust', '-N'], {
    ...options,
    stdio: ['ignore', 'ignore', 2],
  });
  writeFileSync(
    join(data, 'postgresql.auto.conf'),
    `listen_addresses = '127.0.0.1'\nport = ${port}\nunix_socket_directories = '${dir}'\nfsync = on\nsynchronous_commit = on\nmax_connections = 100\nshared_buffers = '64MB'\nmax_wal_size = '256MB'\n`,
  );
  const server = spawn(join(bin, 'postgres'), ['-D', data], {
    ...options,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  for (const stream of [server.stdout, server.stderr])
    stream.on('data', (chunk) => {
      log = (log + chunk).slice(-8_000);
    });
  server.once('exit', (code, signal) => {
    if (!stopping) console.error(`postgres: the server ended with ${code ?? signal}:\n${log}`);
    process.exit(stopping ? 0 : 1);
  });
  let stopping = false;
  const stop = () => {
    stopping = true;
    server.kill('SIGINT'); // "fast": sessions are ended
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, stop);
  process.stdin.on('end', stop).on('error', stop).resume();
  const deadline = performance.now() + START_MS;
  while (spawnSync(join(bin, 'pg_isready'), ['-q', '-h', '127.0.0.1', '-p', String(port)]).status !== 0) {
    if (performance.now() > deadline)
      throw new Error(`the server did not start within ${START_MS} ms:\n${log}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  console.log(
    JSON.stringify({
      url: `postgres://drover@127.0.0.1:${port}/postgres`,
      dir,
      bin,
      pid: server.pid,
      uid: user?.uid ?? null,
      gid: user?.gid ?? null,
    }),
  );
}

main().catch((error) => {
  console.error(`postgres: ${error.message}`);
  process.exit(1);
});
