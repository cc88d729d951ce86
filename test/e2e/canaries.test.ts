/**
 * Secrets of every kind are planted in a real herd. They are in what holds them, and nowhere else: no log, list, view,
 * event, error, metric, command line, environment of a stranger, file or backup has one.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { pinnedFetch } from 'drover/local';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DROVER, RealHerd, until } from './real-herd.ts';

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
  ca = caFile;
  for (const name of ['authority', 'head'])
    secrets[`key of the ${name}`] =
      readFileSync(join(herd.stateOf('head'), `tls/${name}.key`), 'utf8').split('\n')[1] ?? '';
  secrets['key of secrets'] = readFileSync(join(herd.stateOf('head'), 'secrets.key'), 'utf8').trim();
  fetchHead = pinnedFetch(readFileSync(ca, 'utf8'));
  await herd.addWorker('w', ['--log-level', 'debug', '--ca', caFile, '--cpus', '8', '--memory', '8GiB']);
  secrets['worker identity'] = JSON.parse(
    readFileSync(join(herd.stateOf('w'), 'identity.json'), 'utf8'),
  ).token;
  secrets['spent join token'] = herd.workers.get('w')?.env['DROVER_JOIN_TOKEN'] ?? '';
  secrets['join token'] = (await call('POST', '/v1/join-tokens', { uses: 1 })).json.token;
  await call('POST', '/v1/users', { name: 'ana' });
  secrets['user token'] = (await call('POST', '/v1/tokens', { user: 'ana', name: 'laptop' })).json.token;
}, 60_000);
afterAll(async () => {
  for (const { name } of await herd.client.clusters.list())
    await (await herd.client.clusters.down(name)).get();
  await herd.close();
  rmSync(home, { recursive: true, force: true });
}, 60_000);

/** Whatever the document has to read, with ids of what is there in the place of each parameter. */
async function readable(): Promise<string[]> {
  const { paths } = (await call('GET', '/openapi.json')).json as { paths: Record<string, object> };
  const ids: Record<string, string[]> = {
    '/v1/instances': (await call('GET', '/v1/instances')).json.items.map(({ id }: { id: string }) => id),
    '/v1/requests': (await call('GET', '/v1/requests?all=true')).json.items.map(
      ({ id }: { id: string }) => id,
    ),
    '/v1/workers': ['w'],
    '/v1/users': ['ana'],
    '/v1/projects': ['default'],
    '/v1/clusters': ['c1', 'c2'],
  };
  return Object.entries(paths)
    .filter(([path, verbs]) => 'get' in verbs && path !== '/v1/events')
    .flatMap(([path]) => {
      const [, noun = path, rest] = /^([^{]*)\/\{\w+\}(.*)$/.exec(path) ?? [];
      if (rest === undefined) return [path];
      const more = rest.endsWith('/log') ? '?follow=false' : '';
      return (ids[noun] ?? []).map((id) => `${noun}/${id}${rest.replace(/\{\w+\}/, '1')}${more}`);
    });
}

/** Every process that is ours: of this herd by its folder, in its words or its environment. */
function processes(): { words: string; environment: string }[] {
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return [];
    try {
      const [words = '', environment = ''] = ['cmdline', 'environ'].map((name) =>
        readFileSync(`/proc/${pid}/${name}`, 'latin1'),
      );
      return (words + environment).includes(herd.dir) ? [{ words, environment }] : [];
    } catch {
      return []; // It has ended meanwhile.
    }
  });
}

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

describe('a secret', () => {
  it('is planted: what has a right to it has it', async () => {
    const secretsOf = (name: string): object => ({ API_KEY: plant(name) });
    const task = {
      name: 'job',
      setup: 'echo prepared',
      run: 'echo started; exec sleep 1000',
      envs: { PLAIN: 'x' },
    };
    const launch = await call('POST', '/v1/clusters/launch', {
      cluster: 'c1',
      task: { ...task, secrets: secretsOf('task secret') },
    });
    const foreign = await call('POST', '/launch', {
      cluster_name: 'c2',
      task: `setup: 'true'\nrun: exec sleep 1000\nsecrets:\n  API_KEY: ${plant('foreign secret')}\n`,
    });
    expect([launch.status, foreign.status]).toEqual([202, 200]);
    const submitted = await fetchHead(`${herd.url}/v1/instances`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${secrets['user token']}`,
        'content-type': 'application/json',
        'idempotency-key': plant('idempotency key'),
      },
      body: JSON.stringify({ command: 'echo plain; exec sleep 1000', name: 'plain' }),
    });
    expect(submitted.status).toBe(201);
    await until('three commands run', async () => {
      const { items } = (await call('GET', '/v1/instances?status=RUNNING')).json;
      return items.length === 3;
    });
    // RUNNING is what has a pid; that it has become its program, with its environment, comes right after.
    const has = (what: string): boolean =>
      processes().some(
        ({ environment }) =>
          environment.includes('DROVER_INSTANCE_ID') && environment.includes(secrets[what] ?? ''),
      );
    await until('they have their secrets', () => has('task secret') && has('foreign secret'));
  });

  it('is in no reply, for whoever asks: no list, view, log, metric, document or stream', async () => {
    const foreign = ['/instances', '/workers', '/api/status?all_status=true', '/users', '/api/health'];
    const paths = [...(await readable()), ...foreign];
    expect(paths.length).toBeGreaterThan(40);
    for (const token of [herd.token, secrets['user token'] ?? ''])
      for (const path of paths) {
        const { status, text } = await call('GET', path, undefined, token);
        expect([path, status < 500, found(text)]).toEqual([path, true, []]);
      }
    for (const path of ['/status', '/queue', '/cost_report', '/cluster_events']) {
      const asked = await call('POST', path, { cluster_name: 'c2', all_users: true });
      const id = /"x-skypilot-request-id","([^"]+)"/.exec(asked.text)?.[1];
      const answer = await call('GET', `/api/get?request_id=${id}`);
      expect([path, found(asked.text + answer.text)]).toEqual([path, []]);
    }
    const stop = new AbortController();
    const headers = { authorization: `Bearer ${herd.token}` };
    const events = await fetchHead(`${herd.url}/v1/events?after=0`, { headers, signal: stop.signal });
    let text = '';
    for await (const chunk of events.body as unknown as AsyncIterable<Uint8Array>) {
      text += new TextDecoder().decode(chunk);
      if (text.includes('"name":"plain"')) break;
    }
    stop.abort();
    expect(found(text)).toEqual([]);
  });

  it('is in no error, also where it is what is wrong', async () => {
    const wrong = plant('wrong token');
    const basic = Buffer.from(`ana:${wrong}`).toString('base64');
    const secret = plant('secret of a task that is wrong');
    const bad = { cluster: 'c3', task: { run: 'true', secrets: { API_KEY: `${secret}\u0000` } } };
    const foreignTask = `run: 'true'\nsecrets: ${secret}\nresources: {cpus: x}\n`;
    const errors = [
      await call('GET', '/v1/instances', undefined, wrong),
      await call('GET', '/v1/instances', undefined, `Basic ${basic}`),
      await call('POST', '/v1/join', { workerId: crypto.randomUUID() }, wrong),
      await call('GET', `/v1/instances?token=${wrong}`),
      await call('GET', '/v1/nothing/%0a%7b%22level%22:60%7d%0a'),
      await call('POST', '/v1/clusters/launch', bad),
      await call('POST', '/v1/clusters/launch', { ...bad, task: { run: 'true', secrets: secret } }),
      await call('POST', '/v1/clusters/launch', {
        ...bad,
        task: { run: 'true', secrets: { A: { b: secret } } },
      }),
      await call('POST', '/launch', { cluster_name: 'c4', task: foreignTask }),
    ];
    const later = /"x-skypilot-request-id","([^"]+)"/.exec(errors.at(-1)?.text ?? '')?.[1];
    const answer = await call('GET', `/api/get?request_id=${later}`);
    expect(answer.status).toBe(500);
    expect([...errors, answer].map(({ text }) => found(text))).toEqual([...errors, answer].map(() => []));
    const statuses = errors.map(({ status }) => status);
    expect(statuses).toEqual([401, 401, 401, 400, 404, 400, 400, 400, 200]);
  });

  it('is in no error of our own, nor in what the log says of that', async () => {
    const files = join(herd.stateOf('head'), 'files');
    renameSync(join(files, 'trees'), join(files, 'gone'));
    const entries = [{ path: 'l', type: 'link', target: plant('content of a call that failed') }];
    const { status, text, json } = await call('POST', '/v1/trees', { v: 1, entries });
    renameSync(join(files, 'gone'), join(files, 'trees'));
    expect([status, found(text)]).toEqual([500, []]);
    expect(text).not.toMatch(/\/tmp|ENOENT|node:|at \w+ \(/);
    const { requestId } = json.error;
    await until('it is in the log', () => herd.head?.log().includes(requestId) === true);
    expect(found(herd.head?.log() ?? '')).toEqual([]);
  });

  it('is in nothing that the command line says, whatever goes wrong', async () => {
    const at = { DROVER_HEAD: herd.url, DROVER_TOKEN: herd.token };
    const { host } = new URL(herd.url);
    const inUrl = plant('password in an address');
    await drover(['login', herd.url, '--name', 'lab', '--token-file', '-'], {}, secrets['user token']);
    await drover(['config', 'show', '--json']);
    await drover(['whoami', '--json']);
    for (const noun of ['token', 'join-token', 'worker', 'user', 'cluster', 'request', 'infra'])
      await drover([noun, 'list', '--json'], at);
    await drover(['job', 'list', 'c1'], at);
    await drover(['audit', '--json'], at);
    await drover(['ps'], { DROVER_HEAD: herd.url, DROVER_TOKEN: plant('token of the environment') });
    await drover(['ps'], { DROVER_HEAD: `https://ana:${inUrl}@${host}` });
    await drover(['ps'], { DROVER_HEAD: `https://ana:${inUrl}@127.0.0.1:1` });
    await drover(['ps'], { DROVER_HEAD: `nonsense://ana:${inUrl}@127.0.0.1:1` });
    await drover(['worker', '--state', join(home, 'v'), '--log-level', 'debug', '--head', herd.url], {
      DROVER_JOIN_TOKEN: plant('wrong join token'),
    });
    const store = `postgres://u:${plant('password of the store')}@127.0.0.1:1/db`;
    await drover(['head', '--state', join(home, 'h'), '--log-level', 'debug'], { DROVER_STORE: store });
    expect(said.join('')).toContain('UNAUTHENTICATED');
    expect(found(said.join(''))).toEqual([]);
  }, 60_000);

  it('is in no log of a head or a worker, which tell everything', () => {
    const logs = [herd.head?.log() ?? '', herd.workers.get('w')?.program.log() ?? ''];
    for (const log of logs) {
      expect(log.length).toBeGreaterThan(200);
      // Whole lines, whatever callers have called things.
      for (const line of log.trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('level');
    }
    expect(logs.map((log) => found(log))).toEqual([[], []]);
  });

  it('is in the words of no process, and in the environment of none that is not meant', () => {
    const all = processes();
    expect(all.length).toBeGreaterThan(4);
    for (const { words, environment } of all) {
      expect(found(words)).toEqual([]);
      const isInstance = environment.includes('DROVER_INSTANCE_ID=');
      const isWorker = words.includes('\0worker\0');
      const allowed = isInstance ? ['task secret', 'foreign secret'] : isWorker ? ['spent join token'] : [];
      expect([words, found(environment, allowed)]).toEqual([words, []]);
      // Each has its own, and no other's.
      if (isInstance) expect(found(environment).length).toBeLessThanOrEqual(1);
      // Nothing that leaves a memory behind, or opens it.
      expect(`${words} ${environment}`).not.toMatch(/--inspect|--report-|--heapsnapshot-|--abort-on/);
    }
  });

  it('is in no file but those that are for it, and these are for their owner alone', async () => {
    const backup = join(home, 'backup');
    await drover(['head', 'backup', backup, '--state', herd.stateOf('head')]);
    expect(statSync(backup).size).toBeGreaterThan(1_000);
    /** What may hold what. In the store secrets are sealed, and tokens are digests. */
    const holders: readonly [file: RegExp, what: readonly string[]][] = [
      [/^head\/admin\.token$/, ['admin token']],
      [/^head\/tls\/(authority|head)\.key$/, ['key of the authority', 'key of the head']],
      [/^head\/secrets\.key$/, ['key of secrets']],
      [/^backup$/, ['admin token', 'key of secrets']],
      [/^w\/identity\.json$/, ['worker identity']],
      [/^w\/instances\/[^/]+\/record\.json$/, ['task secret', 'foreign secret']],
      [/^\.config\/drover\/config\.toml$/, ['user token']],
      [/^pools\.yaml$/, ['ssh password']],
      [/^id$/, ['ssh key']],
    ];
    const files = [...filesIn(herd.dir), ...filesIn(home)];
    const seen = new Set<string>();
    for (const file of files) {
      const name = relative(file.startsWith(home) ? home : herd.dir, file);
      const allowed = holders.find(([pattern]) => pattern.test(name))?.[1] ?? [];
      const bytes = readFileSync(file);
      const text = name === 'backup' ? gunzipSync(bytes) : bytes;
      expect([name, found(text, allowed)]).toEqual([name, []]);
      for (const what of found(text)) seen.add(what);
      if (found(text).length > 0) expect([name, statSync(file).mode & 0o777]).toEqual([name, 0o600]);
    }
    for (const what of [
      'admin token',
      'key of secrets',
      'task secret',
      'worker identity',
      'user token',
      'key of the head',
    ])
      expect([...seen]).toContain(what);
    for (const folder of [herd.stateOf('head'), herd.stateOf('w')])
      expect(statSync(folder).mode & 0o777).toBe(0o700);
  });
});
