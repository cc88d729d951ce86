/**
 * Secrets of every kind are planted in a real herd. They are in what holds them, and nowhere else: no log, list, view,
 * event, error, metric, command line, environment of a stranger, file or backup has one.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { pinnedFetch } from 'drover/local';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DROVER, end, RealHerd, until } from './real-herd.ts';

/** What is looked for, by what it is. Those of the herd itself are added when they have been made. */
const secrets: Record<string, string> = {};
const plant = (what: string): string => {
  secrets[what] = `canary-${randomBytes(12).toString('hex')}`;
  return secrets[what];
};

/** The names of those that stand in a text, but for those that may. */
function found(text: string | Buffer, allowed: readonly string[] = []): string[] {
  return Object.entries(secrets)
    .filter(([what, secret]) => !allowed.includes(what) && text.includes(secret))
    .map(([what]) => what);
}

const home = mkdtempSync(join(tmpdir(), 'drover-canary-'));
const herd = new RealHerd(['--log-level', 'debug', '--tls']);
/** All that programs wrote. */
const said: string[] = [];
let fetchHead: typeof fetch;
let ca = '';

interface Reply {
  readonly status: number;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into replies of every shape
  readonly json: any;
}

async function call(method: string, path: string, body?: unknown, token = herd.token): Promise<Reply> {
  const reply = await fetchHead(`${herd.url}${path}`, {
    method,
    headers: {
      authorization: token.includes(' ') ? token : `Bearer ${token}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await reply.text();
  const isJson = reply.headers.get('content-type')?.includes('json');
  const headers = JSON.stringify([...reply.headers]);
  return { status: reply.status, text: headers + text, json: isJson ? JSON.parse(text) : null };
}

/** One command line of a user with a home of their own. */
function drover(args: readonly string[], env: Record<string, string> = {}, input = ''): Promise<string> {
  return new Promise((resolve) => {
    const child = execFile(
      DROVER,
      [...args],
      { env: { PATH: process.env['PATH'], HOME: home, DROVER_CA: ca, DROVER_DEBUG: '1', ...env } },
      (_error, out, err) => {
        said.push(out + err);
        resolve(out + err);
      },
    );
    child.stdin?.end(input);
  });
}

beforeAll(async () => {
  const pools = join(home, 'pools.yaml');
  const key = join(home, 'id');
  writeFileSync(key, `-----BEGIN OPENSSH PRIVATE KEY-----\n${plant('ssh key')}\n`, { mode: 0o600 });
  writeFileSync(
    pools,
    `lab:\n  hosts:\n    - {ip: 127.0.0.1, port: 1, password: ${plant('ssh password')}}\nkeys:\n  hosts:\n    - {ip: 127.0.0.1, port: 1, identity_file: ${key}}\n`,
    { mode: 0o600 },
  );
  herd.headFlags.push('--ssh-pools', pools);
  await herd.startHead();
  secrets['admin token'] = herd.token;
  const caFile = herd.head?.ready['caFile'] ?? '';
  ca = readFileSync(caFile, 'utf8');
  fetchHead = pinnedFetch(ca);
  await herd.addWorker('w', ['--log-level', 'debug', '--ca', caFile]);
  secrets['worker identity'] = JSON.parse(readFileSync(join(herd.stateOf('w'), 'identity.json'), 'utf8')).token;
  secrets['spent join token'] = herd.workers.get('w')?.env['DROVER_JOIN_TOKEN'] ?? '';
  secrets['join token'] = (await call('POST', '/v1/join-tokens', { uses: 1 })).json.token;
  await call('POST', '/v1/users', { name: 'ana' });
  secrets['user token'] = (await call('POST', '/v1/tokens', { user: 'ana', name: 'laptop' })).json.token;
}, 60_000);
afterAll(async () => {
  await herd.client.clusters.down('c1').catch(() => undefined);
  await herd.close();
  rmSync(home, { recursive: true, force: true });
}, 60_000);

it('walks', async () => {
  const task = {
    name: 'job',
    setup: 'echo setup',
    run: 'echo started; exec sleep 1000',
    envs: { PLAIN: 'x' },
    secrets: { API_KEY: plant('task secret') },
  };
  const launch = await call('POST', '/v1/clusters/launch', { cluster: 'c1', task });
  expect(launch.status).toBe(202);
  const r = await call('GET', `/v1/requests/${launch.json.id}?wait=true&timeoutMs=30000`);
  console.log(r.text.slice(0, 600));
  console.log((await call('POST', '/v1/infra/up', { infra: 'ssh/lab' })).text.slice(0, 400));
  console.log((await call('GET', '/v1/infra')).text.slice(0, 1400));
  const spec = (await call('GET', '/openapi.json')).json;
  console.log(Object.entries(spec.paths).filter(([, v]) => 'get' in (v as object)).map(([p]) => p).join('\n'));
  for (const dir of ['head', 'w']) {
    const walk = (d: string): string[] => readdirSync(d, { withFileTypes: true }).flatMap((e) => e.isDirectory() ? walk(join(d, e.name)) : e.isFile() ? [join(d, e.name)] : []);
    for (const f of walk(herd.stateOf(dir))) console.log(f, (statSync(f).mode & 0o777).toString(8), found(readFileSync(f)).join(', '));
  }
  console.log('head log', found(herd.head?.log() ?? ''), 'worker log', found(herd.workers.get('w')?.program.log() ?? ''));
});
