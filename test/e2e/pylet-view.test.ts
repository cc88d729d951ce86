/** `drover/pylet`: every row of the PyLet seed that has a check in TypeScript, on a real head and real workers. */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect, promisify } from 'node:util';
import * as pylet from 'drover/pylet';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { processesWith, processStart } from './processes.ts';
import { RealHerd, until } from './real-herd.ts';

const DIST = new URL('../../packages/drover/dist/pylet.js', import.meta.url);
const NOBODY = '6b0a2f0e-6f7b-4a53-9d9c-0a2b8e3f1c11';
/** Small enough that all fit beside each other. */
const small = { cpu: 0.1, memory: 64 };

const herd = new RealHerd(['--ping', '200ms', '--suspect-after', '1s', '--offline-after', '3s']);
const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'drover-pylet-')));
let gpuWorker = '';
let plainWorker = '';

beforeAll(async () => {
  withoutSettings();
  await herd.startHead();
  gpuWorker = await herd.addWorker('gpu', ['--cpus', '8', '--memory', '8GiB', '--gpus', '4']);
  plainWorker = await herd.addWorker('plain', ['--cpus', '8', '--memory', '8GiB', '--gpus', '0']);
});
afterEach(() => vi.unstubAllEnvs());
afterAll(async () => {
  await herd.close();
  rmSync(scratch, { recursive: true, force: true });
});

/** Nothing of whoever runs these tests says where a head is. */
function withoutSettings(): void {
  for (const name of ['DROVER_HEAD', 'DROVER_TOKEN', 'DROVER_STATE']) vi.stubEnv(name, '');
  for (const name of ['XDG_CONFIG_HOME', 'XDG_STATE_HOME']) vi.stubEnv(name, join(scratch, 'nothing'));
}

/** What the call throws. */
const thrown = (call: Promise<unknown>): Promise<Error & { field?: string; instance?: unknown }> =>
  call.then(
    (value) => Promise.reject(new Error(`nothing was thrown: ${inspect(value)}`)),
    (error) => error,
  );
const ids = (instances: readonly pylet.Instance[]): string[] => instances.map(({ id }) => id).sort();
const pidOf = async ({ id }: pylet.Instance): Promise<number> =>
  (await herd.client.instances.get(id)).pid ?? 0;
const worker = async (id: string): Promise<pylet.WorkerInfo> => {
  const found = (await pylet.workers()).find((one) => one.id === id);
  if (!found) throw new Error(`no worker ${id}`);
  return found;
};
const becomes = (id: string, status: string): Promise<void> =>
  until(`worker ${id} is ${status}`, async () => (await worker(id)).status === status, 20_000);
const processOf = (name: string): ChildProcess => {
  const program = herd.workers.get(name)?.program;
  if (!program) throw new Error(`no worker ${name}`);
  return program.child;
};

/** Runs it to its end. */
async function run(
  command: Parameters<typeof pylet.submit>[0],
  options: pylet.SubmitOptions = {},
): Promise<pylet.Instance> {
  const instance = await pylet.submit(command, { ...small, ...options });
  await instance.wait(30);
  return instance;
}

/** Runs until its end is asked for. */
async function sleeper(options: pylet.SubmitOptions = {}): Promise<pylet.Instance> {
  const instance = await pylet.submit('exec sleep 600', { ...small, ...options });
  await instance.waitRunning(30);
  return instance;
}

async function ended(...instances: pylet.Instance[]): Promise<void> {
  for (const instance of instances) await instance.cancel();
  for (const instance of instances) await instance.wait(30);
}

/** Whether something listens there. */
const listens = (address: string): Promise<boolean> =>
  new Promise((resolve) => {
    const { hostname, port } = new URL(address);
    const socket = connect(Number(port), hostname, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });

/** Port 0: a free one. @returns the port, which is free again; null: it was not free */
const bind = (port: number): Promise<number | null> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(null));
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : null));
    });
  });

function writeScript(name: string, body: string): string {
  const path = join(scratch, name);
  writeFileSync(path, `import * as pylet from ${JSON.stringify(fileURLToPath(DIST))};\n${body}`);
  return path;
}

describe('before init', () => {
  it('every function throws NotInitializedError, and isInitialized is false', async () => {
    expect(pylet.isInitialized()).toBe(false);
    const calls = [
      () => pylet.submit('true'),
      () => pylet.get('x'),
      () => pylet.get({ id: NOBODY }),
      () => pylet.instances(),
      () => pylet.workers(),
      () => pylet.delete('x'),
      () => pylet.deleteAll(),
      () => pylet.deleteWorker(NOBODY),
      () => pylet.deleteAllOfflineWorkers(),
    ];
    for (const call of calls) expect(await thrown(call())).toBeInstanceOf(pylet.NotInitializedError);
    await pylet.shutdown();
    expect(pylet.isInitialized()).toBe(false);
  });
});

describe('init', () => {
  beforeEach(withoutSettings);
  afterEach(() => pylet.shutdown());

  it('finds the head and its token by the environment', async () => {
    vi.stubEnv('DROVER_HEAD', herd.url);
    vi.stubEnv('DROVER_TOKEN', herd.token.trim());
    await pylet.init();
    expect(pylet.isInitialized()).toBe(true);
    expect((await pylet.workers()).map(({ id }) => id).sort()).toEqual([gpuWorker, plainWorker].sort());
  });

  it('finds it by the context of the configuration file', async () => {
    vi.stubEnv('XDG_CONFIG_HOME', join(scratch, 'config'));
    mkdirSync(join(scratch, 'config/drover'), { recursive: true });
    const tokenFile = join(herd.stateOf('head'), 'admin.token');
    const lines = ['current = "lab"', '[contexts.lab]', `url = "${herd.url}"`, `tokenFile = "${tokenFile}"`];
    writeFileSync(join(scratch, 'config/drover/config.toml'), lines.join('\n'));
    await pylet.init();
    expect(await pylet.workers()).toHaveLength(2);
  });

  it('finds a head of this machine by its state folder, and by the folder of its herd', async () => {
    for (const folder of [herd.dir, herd.stateOf('head')]) {
      vi.stubEnv('DROVER_STATE', folder);
      await pylet.init();
      expect(await pylet.workers()).toHaveLength(2);
    }
  });

  it('takes an address and a token, and is undone by shutdown', async () => {
    await pylet.init(herd.url, { token: herd.token.trim() });
    expect(pylet.isInitialized()).toBe(true);
    expect(await pylet.workers()).toHaveLength(2);
    await pylet.shutdown();
    expect(pylet.isInitialized()).toBe(false);
    expect(await thrown(pylet.workers())).toBeInstanceOf(pylet.NotInitializedError);
  });

  it('throws ConnectionError within 2 s on a closed port or for a wrong token, and nothing is initialised then', async () => {
    const closed = `http://127.0.0.1:${await bind(0)}`;
    await pylet.init(herd.url, { token: herd.token.trim() });
    for (const [address, token] of [
      [closed, 'any'],
      [herd.url, 'drv_wrong'],
    ]) {
      const begun = performance.now();
      expect(await thrown(pylet.init(address, { token }))).toBeInstanceOf(pylet.ConnectionError);
      expect(performance.now() - begun).toBeLessThan(2_000);
      expect(pylet.isInitialized()).toBe(false);
    }
  });
});

describe('a script that never calls shutdown', () => {
  it('ends by itself', async () => {
    const script = writeScript(
      'no-shutdown.mjs',
      `await pylet.init(${JSON.stringify(herd.url)}, { token: ${JSON.stringify(herd.token.trim())} });
       const instance = await pylet.submit('echo hello', { cpu: 0.1, memory: 64 });
       await instance.wait();
       console.log(instance.status, performance.timeOrigin + performance.now());`,
    );
    const { stdout } = await promisify(execFile)(process.execPath, [script], { timeout: 30_000 });
    const [status, at] = stdout.trim().split(' ');
    expect(status).toBe('COMPLETED');
    // Only tells that nothing keeps it: what could (an idle connection, a poll) lasts for longer.
    expect(performance.timeOrigin + performance.now() - Number(at)).toBeLessThan(5_000);
  });
});

/** All that follows, up to `start`, works on this herd. */
const connected = (): Promise<void> => pylet.init(herd.url, { token: herd.token.trim() });

describe('submit', () => {
  beforeAll(connected);

  it('runs a string in a shell', async () => {
    const instance = await run('echo $((1+1)) # a comment');
    expect([instance.status, await instance.logs()]).toEqual(['COMPLETED', '2\n']);
  });

  it('runs a list as it is, byte by byte; only $PORT and ${PORT} are replaced', async () => {
    const args = [
      '$HOME',
      '$(id)',
      '`id`',
      'a$1',
      `it's "x"`,
      'two  words',
      '',
      '\\n',
      '*',
      '~',
      'ü\u0001\n',
    ];
    const instance = await run(['printf', '%s\\0', ...args, '$PORT', 'p=${PORT};', '$PORTX']);
    const got = (await instance.logs()).split('\0').slice(0, -1);
    expect(got.slice(0, args.length)).toEqual(args);
    const [port = ''] = got.slice(args.length);
    expect(port).toMatch(/^\d+$/);
    expect(got.slice(args.length)).toEqual([port, `p=${port};`, '$PORTX']);
  });

  it('asks for gpu 0, cpu 1 and memory 512 when nothing is said', async () => {
    const { id } = await pylet.submit('true');
    const { items } = await herd.client.instances.page({}, { limit: 1000 });
    expect(items.find((one) => one.id === id)).toMatchObject({
      resources: { gpus: 0, cpu: 1, memoryMiB: 512 },
      requestedGpuIndices: null,
      targetWorker: null,
      name: null,
    });
  });

  it('gives a name to one live instance at a time; get returns the one that lives, else the newest', async () => {
    const first = await sleeper({ name: 'job' });
    const taken = await thrown(pylet.submit('true', { ...small, name: 'job' }));
    expect(taken).toBeInstanceOf(pylet.ValueError);
    expect(taken.field).toBe('name');
    expect((await pylet.get('job')).id).toBe(first.id);
    await ended(first);
    expect((await pylet.get('job')).id).toBe(first.id);
    const second = await sleeper({ name: 'job' });
    expect(second.id).not.toBe(first.id);
    expect((await pylet.get('job')).id).toBe(second.id);
    expect((await pylet.get({ id: first.id })).name).toBe('job');
    await ended(second);
    expect((await pylet.get('job')).id).toBe(second.id);
  });

  it('runs it on the target worker, and refuses one that is not there', async () => {
    const instance = await sleeper({ targetWorker: plainWorker });
    expect(instance.targetWorker).toBe(plainWorker);
    const place = readlinkSync(`/proc/${await pidOf(instance)}/cwd`);
    expect(place.startsWith(`${realpathSync(herd.stateOf('plain'))}/`)).toBe(true);
    await ended(instance);
    for (const targetWorker of [NOBODY, 'gpu-0']) {
      const error = await thrown(pylet.submit('true', { targetWorker }));
      expect(error).toBeInstanceOf(pylet.ValueError);
      expect(error.field).toBe('targetWorker');
    }
  });

  it('gives exactly the GPUs of gpuIndices, whatever gpu says, and refuses those that cannot be', async () => {
    const show = 'echo "$CUDA_VISIBLE_DEVICES"';
    const instance = await run(show, { gpu: 4, targetWorker: gpuWorker, gpuIndices: [1, 3] });
    expect(await instance.logs()).toBe('1,3\n');
    expect((await herd.client.instances.get(instance.id)).resources.gpus).toBe(2);
    expect(await (await run(show)).logs()).toBe('\n');
    for (const gpuIndices of [[4], [0, 0], [-1], [0.5]]) {
      const error = await thrown(pylet.submit(show, { targetWorker: gpuWorker, gpuIndices }));
      expect(error).toBeInstanceOf(pylet.ValueError);
      expect(error.field).toBe('gpuIndices');
    }
    expect((await thrown(pylet.submit(show, { gpuIndices: [0] }))).field).toBe('gpuIndices');
  });

  it('lets two hold one GPU with exclusive false, and leaves it free', async () => {
    const command = 'echo "$CUDA_VISIBLE_DEVICES"; exec sleep 600';
    const options = { ...small, targetWorker: gpuWorker, gpuIndices: [0], exclusive: false };
    const both = [await pylet.submit(command, options), await pylet.submit(command, options)];
    for (const one of both) await one.waitRunning(30);
    expect(both.map(({ gpuIndices, exclusive }) => [gpuIndices, exclusive])).toEqual([
      [[0], false],
      [[0], false],
    ]);
    const info = await worker(gpuWorker);
    expect([info.gpu, info.gpuAvailable, info.gpuIndicesAvailable]).toEqual([4, 4, [0, 1, 2, 3]]);
    for (const one of both) await until('it has printed', async () => (await one.logs()) === '0\n');
    await ended(...both);
  });

  it('keeps labels and env, and passes env to the command; {} when there are none', async () => {
    const labels = { team: 'x', 'a.b': '"quoted" ü' };
    const env = { GREETING: 'hällo  "you"', EMPTY: '' };
    const instance = await run('printf "%s|%s|" "$GREETING" "${EMPTY-unset}"', { labels, env });
    expect(await instance.logs()).toBe('hällo  "you"||');
    expect([instance.labels, instance.env]).toEqual([labels, env]);
    const bare = await run('true');
    expect([bare.labels, bare.env]).toEqual([{}, {}]);
  });

  it('uses the virtual environment; a relative path is refused, a missing one fails with the reason', async () => {
    const venv = join(scratch, 'venv');
    execFileSync('python3', ['-m', 'venv', '--without-pip', venv]);
    const instance = await run('python -c "import sys; print(sys.prefix)"', { venv });
    expect(await instance.logs()).toBe(`${venv}\n`);
    expect((await thrown(pylet.submit('true', { venv: 'venv' }))).field).toBe('venv');
    const missing = await pylet.submit('true', { ...small, venv: join(scratch, 'nowhere') });
    const error = await thrown(missing.waitRunning(30));
    expect(error).toBeInstanceOf(pylet.InstanceFailedError);
    expect(error.message).toContain(join(scratch, 'nowhere'));
    expect(missing.status).toBe('FAILED');
  });

  it.each<[string, Parameters<typeof pylet.submit>]>([
    ['command', ['']],
    ['command', [[]]],
    ['command', ['a\0b']],
    ['cpu', ['true', { cpu: -1 }]],
    ['cpu', ['true', { cpu: Number.NaN }]],
    ['gpu', ['true', { gpu: 0.5 }]],
    ['gpu', ['true', { gpu: -1 }]],
    ['memory', ['true', { memory: -1 }]],
    ['name', ['true', { name: 'no spaces, please' }]],
    ['labels', ['true', { labels: { '': 'x' } }]],
    ['env', ['true', { env: { 'A=B': 'x' } }]],
    ['venv', ['true', { venv: './v' }]],
  ])('throws a ValueError that names %s: %j', async (field, args) => {
    const error = await thrown(pylet.submit(...args));
    expect(error).toBeInstanceOf(pylet.ValueError);
    expect(error.field).toBe(field);
    expect(error.message).toContain(field);
  });
});

describe('a service', () => {
  beforeAll(connected);

  it('has a PORT of its own, which it binds and where others reach it, and no endpoint after its end', async () => {
    const services = await Promise.all(
      [1, 2, 3].map(() => pylet.submit('exec python3 -u -m http.server $PORT', small)),
    );
    await Promise.all(services.map((one) => one.waitRunning(30)));
    const endpoints = services.map(({ endpoint }) => endpoint ?? '');
    expect(new Set(endpoints).size).toBe(3);
    for (const endpoint of endpoints) {
      expect(endpoint).toMatch(/^[\d.]+:\d+$/);
      await until('it answers', () =>
        fetch(`http://${endpoint}/`).then(
          (reply) => reply.ok,
          () => false,
        ),
      );
    }
    const outside = Object.values(networkInterfaces())
      .flat()
      .find((address) => address && !address.internal && address.family === 'IPv4');
    const port = endpoints[0]?.split(':')[1];
    if (outside) expect((await fetch(`http://${outside.address}:${port}/`)).ok).toBe(true);
    await ended(...services);
    expect(services.map(({ status, endpoint }) => [status, endpoint])).toEqual(
      services.map(() => ['CANCELLED', null]),
    );
    for (const endpoint of endpoints) await expect(fetch(`http://${endpoint}/`)).rejects.toThrow();
  });
});

describe('get', () => {
  beforeAll(connected);

  it('finds by name and by id, and throws NotFoundError or ValueError', async () => {
    const instance = await run('true', { name: 'to-get' });
    expect((await pylet.get('to-get')).id).toBe(instance.id);
    expect((await pylet.get({ name: 'to-get' })).id).toBe(instance.id);
    expect((await pylet.get({ id: instance.id })).name).toBe('to-get');
    for (const key of ['nobody', { id: NOBODY }, { name: instance.id }, instance.id.slice(0, 8)]) {
      expect(await thrown(pylet.get(key))).toBeInstanceOf(pylet.NotFoundError);
    }
    expect(await thrown(pylet.get({}))).toBeInstanceOf(pylet.ValueError);
  });
});

describe('an instance in each of the seven states', () => {
  const marks = { labels: { kind: 'states', mark: 'y' }, env: { MARK: '1' } };
  const at = (...gpuIndices: number[]) => ({ ...small, ...marks, targetWorker: gpuWorker, gpuIndices });
  const all: Record<string, pylet.Instance> = {};
  /** GPUs are there while they are held. */
  const held: Record<string, number[] | null> = {
    PENDING: null,
    ASSIGNED: [1],
    RUNNING: [0],
    COMPLETED: null,
    FAILED: null,
    CANCELLED: null,
    UNKNOWN: [0],
  };
  let third = '';

  beforeAll(async () => {
    await connected();
    third = await herd.addWorker('third', ['--cpus', '2', '--memory', '1GiB', '--gpus', '1']);
    all['UNKNOWN'] = await sleeper({ ...at(0), targetWorker: third });
    all['COMPLETED'] = await run('true', at(2));
    all['FAILED'] = await run('exit 7', at(2));
    all['CANCELLED'] = await sleeper(at(2));
    await ended(all['CANCELLED']);
    all['RUNNING'] = await sleeper(at(0));
    all['PENDING'] = await pylet.submit('true', at(0));
    processOf('third').kill('SIGSTOP');
    await becomes(third, 'SUSPECT');
    await becomes(third, 'OFFLINE');
    // It is ONLINE for a moment yet, and takes nothing.
    processOf('gpu').kill('SIGSTOP');
    all['ASSIGNED'] = await pylet.submit('true', at(1));
    await until('it is ASSIGNED', async () => {
      await all['ASSIGNED']?.refresh();
      return all['ASSIGNED']?.status === 'ASSIGNED';
    });
  });
  afterAll(async () => {
    processOf('gpu').kill('SIGCONT');
    processOf('third').kill('SIGCONT');
    await becomes(third, 'ONLINE');
    await becomes(gpuWorker, 'ONLINE');
  });

  it('says which, and what it was given', async () => {
    for (const [status, instance] of Object.entries(all)) {
      await instance.refresh();
      expect([status, instance.status, instance.displayStatus]).toEqual([status, status, status]);
      const { id, name, gpuIndices, exclusive, labels, env, targetWorker } = instance;
      expect({ status, gpuIndices, exclusive, labels, env, targetWorker, name }).toEqual({
        status,
        gpuIndices: held[status],
        exclusive: true,
        ...marks,
        targetWorker: status === 'UNKNOWN' ? third : gpuWorker,
        name: null,
      });
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
      const isFinal = ['COMPLETED', 'FAILED', 'CANCELLED'].includes(status);
      expect([status, instance.exitCode === null]).toEqual([status, !isFinal]);
      expect([status, instance.endpoint !== null]).toEqual([status, status === 'RUNNING']);
    }
  });

  it('is listed by instances(status), which is what a filter over all of them gives', async () => {
    const listed = await pylet.instances();
    expect(ids(listed)).toEqual(expect.arrayContaining(ids(Object.values(all))));
    for (const [status, instance] of Object.entries(all)) {
      const found = ids(await pylet.instances({ status }));
      expect(found).toContain(instance.id);
      expect(found).toEqual(ids(listed.filter((one) => one.status === status)));
    }
    expect(await thrown(pylet.instances({ status: 'DONE' }))).toBeInstanceOf(pylet.ValueError);
  });

  it('is listed by instances(labels) when all of them match', async () => {
    expect(ids(await pylet.instances({ labels: marks.labels }))).toEqual(ids(Object.values(all)));
    expect(await pylet.instances({ labels: { kind: 'states', mark: 'n' } })).toEqual([]);
    expect(ids(await pylet.instances({ labels: { kind: 'states' }, status: 'FAILED' }))).toEqual([
      all['FAILED']?.id,
    ]);
  });

  it('comes back from UNKNOWN and goes on from ASSIGNED and PENDING when their workers do', async () => {
    const { UNKNOWN: unknown, ASSIGNED: assigned, PENDING: pending, RUNNING: running } = all;
    if (!unknown || !assigned || !pending || !running) throw new Error('one is missing');
    processOf('gpu').kill('SIGCONT');
    processOf('third').kill('SIGCONT');
    await unknown.waitRunning(20);
    expect(unknown.status).toBe('RUNNING');
    await assigned.wait(20);
    await running.cancel();
    await pending.wait(20);
    expect([assigned.status, pending.status]).toEqual(['COMPLETED', 'COMPLETED']);
    await ended(unknown);
  });
});

describe('an instance', () => {
  beforeAll(connected);

  it('has an exit code when it has ended: its own, 128 and the signal, or that of a cancelled one', async () => {
    const codes = async (command: string): Promise<[string, number | null]> => {
      const { status, exitCode } = await run(command);
      return [status, exitCode];
    };
    expect(await codes('exit 0')).toEqual(['COMPLETED', 0]);
    expect(await codes('exit 7')).toEqual(['FAILED', 7]);
    expect(await codes('kill -SEGV $$')).toEqual(['FAILED', 139]);
    const running = await sleeper();
    expect(running.exitCode).toBeNull();
    await ended(running);
    expect([running.status, running.exitCode]).toEqual(['CANCELLED', 143]);
    const pending = await pylet.submit('true', { gpu: 99 });
    await ended(pending);
    expect([pending.status, pending.exitCode]).toEqual(['CANCELLED', null]);
  });

  it('shows CANCELLING while a command ignores SIGTERM; cancel returns at once', async () => {
    const instance = await pylet.submit('trap "" TERM; echo up; while :; do sleep 0.1; done', small);
    await until('it ignores SIGTERM', async () => (await instance.logs()) === 'up\n');
    const begun = performance.now();
    await instance.cancel();
    // Only tells that it does not wait for the grace of 10 s.
    expect(performance.now() - begun).toBeLessThan(5_000);
    expect([instance.status, instance.displayStatus, instance.exitCode]).toEqual([
      'RUNNING',
      'CANCELLING',
      null,
    ]);
    await instance.refresh();
    expect(instance.displayStatus).toBe('CANCELLING');
    await herd.client.instances.cancel(instance.id, { graceMs: 0 });
    await instance.wait(30);
    expect([instance.displayStatus, instance.exitCode]).toEqual(['CANCELLED', 137]);
  });

  it('that has ended cannot be cancelled', async () => {
    const instance = await run('true');
    expect(await thrown(instance.cancel())).toBeInstanceOf(pylet.InstanceTerminatedError);
    expect(await thrown(instance.cancel(true))).toBeInstanceOf(pylet.InstanceTerminatedError);
    expect((await pylet.get({ id: instance.id })).status).toBe('COMPLETED');
  });

  it('that was cancelled with delete is not found later, and has no process', async () => {
    const instance = await sleeper({ name: 'to-go' });
    const pid = await pidOf(instance);
    await instance.cancel(true);
    await until('its record has gone', async () =>
      pylet.get({ id: instance.id }).then(
        () => false,
        (error) => error instanceof pylet.NotFoundError,
      ),
    );
    expect(processStart(pid)).toBeNull();
    expect(await thrown(instance.refresh())).toBeInstanceOf(pylet.NotFoundError);
    expect(await thrown(pylet.get('to-go'))).toBeInstanceOf(pylet.NotFoundError);
  });

  it('is waited for until it runs: a slow one, not for longer than was asked', async () => {
    const gpus = { ...small, targetWorker: gpuWorker, gpuIndices: [0, 1, 2, 3] };
    const holder = await sleeper(gpus);
    const slow = await pylet.submit('exec sleep 600', gpus);
    for (const call of [slow.waitRunning.bind(slow), slow.wait.bind(slow)]) {
      const begun = performance.now();
      expect(await thrown(call(0.4))).toBeInstanceOf(pylet.TimeoutError);
      const took = performance.now() - begun;
      expect(took).toBeGreaterThan(395);
      // Only tells that it does not hang.
      expect(took).toBeLessThan(5_000);
    }
    expect(await slow.logs()).toBe('');
    const running = slow.waitRunning();
    await ended(holder);
    await running;
    expect([slow.status, slow.gpuIndices]).toEqual(['RUNNING', [0, 1, 2, 3]]);
    await ended(slow);
  });

  it('that has COMPLETED counts as one that ran; one that has FAILED or was CANCELLED does not', async () => {
    const completed = await pylet.submit('true', small);
    await herd.client.instances.wait(completed.id);
    await completed.waitRunning();
    expect(completed.status).toBe('COMPLETED');
    const failed = await pylet.submit('exit 3', small);
    await herd.client.instances.wait(failed.id);
    const cancelled = await pylet.submit('true', { gpu: 99 });
    const waiting = thrown(cancelled.waitRunning());
    await herd.client.instances.cancel(cancelled.id);
    for (const [instance, error, status] of [
      [failed, await thrown(failed.waitRunning()), 'FAILED'],
      [cancelled, await waiting, 'CANCELLED'],
    ] as const) {
      expect(error).toBeInstanceOf(pylet.InstanceFailedError);
      expect(error.instance).toBe(instance);
      expect(instance.status).toBe(status);
    }
  });

  it('gives its log whole, or its last bytes', async () => {
    const instance = await run("head -c 3145728 /dev/zero | tr '\\0' 'z'; printf END");
    const log = await instance.logs();
    expect(log.length).toBe(3 * 1024 * 1024 + 3);
    expect(log === `${'z'.repeat(3 * 1024 * 1024)}END`).toBe(true);
    expect(await instance.logs(1000)).toBe(`${'z'.repeat(997)}END`);
    expect(await thrown(instance.logs(-1))).toBeInstanceOf(pylet.ValueError);
  });

  it('is as it was until it is refreshed', async () => {
    const instance = await sleeper();
    const other = await pylet.get({ id: instance.id });
    await ended(other);
    expect([instance.status, instance.endpoint === null]).toEqual(['RUNNING', false]);
    await instance.refresh();
    expect([instance.status, instance.endpoint]).toEqual(['CANCELLED', null]);
  });

  it('is shown with id, name, status and endpoint', async () => {
    const instance = await sleeper({ name: 'shown' });
    const { id, endpoint } = instance;
    const text = `Instance(id='${id}', name='shown', status='RUNNING', endpoint='${endpoint}')`;
    expect([inspect(instance), String(instance)]).toEqual([text, text]);
    await ended(instance);
    const bare = await run('true');
    expect(inspect([bare])).toBe(
      `[\n  Instance(id='${bare.id}', name=null, status='COMPLETED', endpoint=null)\n]`,
    );
  });
});

describe('delete', () => {
  beforeAll(connected);

  it('forgets one that has ended, by name or by id', async () => {
    const [one, two] = [await run('true', { name: 'done' }), await run('true')];
    await pylet.delete('done');
    await pylet.delete({ id: two.id });
    for (const { id } of [one, two]) {
      expect(await thrown(pylet.get({ id }))).toBeInstanceOf(pylet.NotFoundError);
      expect(await thrown(pylet.delete({ id }))).toBeInstanceOf(pylet.NotFoundError);
    }
    expect(await thrown(pylet.delete('done'))).toBeInstanceOf(pylet.NotFoundError);
    expect(await thrown(pylet.delete({}))).toBeInstanceOf(pylet.ValueError);
  });

  it('ends one that runs, and its record goes with its last process', async () => {
    const both = [await sleeper({ name: 'alive' }), await sleeper()];
    const pids = await Promise.all(both.map(pidOf));
    await pylet.delete('alive');
    await pylet.delete({ id: both[1]?.id });
    for (const [index, { id }] of both.entries()) {
      await until('its record has gone', async () =>
        pylet.get({ id }).then(
          () => false,
          (error) => error instanceof pylet.NotFoundError,
        ),
      );
      expect(processStart(pids[index] ?? 0)).toBeNull();
    }
  });

  it('of all with a status counts them and leaves the others', async () => {
    const kept = await sleeper();
    const before = await pylet.instances({ status: 'COMPLETED' });
    expect(before.length).toBeGreaterThan(3);
    expect(await pylet.deleteAll({ status: 'COMPLETED' })).toBe(before.length);
    expect(await pylet.instances({ status: 'COMPLETED' })).toEqual([]);
    expect(await pylet.deleteAll({ status: 'COMPLETED' })).toBe(0);
    expect((await pylet.get({ id: kept.id })).status).toBe('RUNNING');
    expect(await thrown(pylet.deleteAll({ status: 'DONE' }))).toBeInstanceOf(pylet.ValueError);
  });

  it('of all ends what runs, and counts that too', async () => {
    const pid = await pidOf(await sleeper());
    const before = await pylet.instances();
    expect(before.some(({ status }) => status === 'RUNNING')).toBe(true);
    expect(await pylet.deleteAll()).toBe(before.length);
    await until('all have gone', async () => (await pylet.instances()).length === 0);
    expect(processStart(pid)).toBeNull();
  });
});

describe('workers', () => {
  beforeAll(connected);

  it('show what they offer, and what of it is free while instances hold some', async () => {
    const free = await worker(gpuWorker);
    expect({ ...facts(free), host: undefined }).toEqual({
      id: gpuWorker,
      host: undefined,
      status: 'ONLINE',
      gpu: [4, 4, [0, 1, 2, 3]],
      cpu: [8, 8],
      memory: [8192, 8192],
    });
    expect(free.host).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
    const options = { gpu: 2, cpu: 3, memory: 1000, targetWorker: gpuWorker };
    const holder = await sleeper(options);
    expect(facts(await worker(gpuWorker))).toMatchObject({
      gpu: [4, 2, [2, 3]],
      cpu: [8, 5],
      memory: [8192, 7192],
    });
    // An object of the past.
    expect(free.gpuAvailable).toBe(4);
    await ended(holder);
    await until('all is free', async () => (await worker(gpuWorker)).gpuAvailable === 4);
    expect(facts(await worker(gpuWorker))).toEqual(facts(free));
    expect(inspect(free)).toBe(`WorkerInfo(id='${gpuWorker}', host='${free.host}', status='ONLINE')`);
  });

  it('that are killed become SUSPECT, then OFFLINE, take nothing then, and come back as they were', async () => {
    const instance = await sleeper({ targetWorker: plainWorker });
    const pid = await pidOf(instance);
    await herd.killWorker('plain');
    try {
      await becomes(plainWorker, 'SUSPECT');
      await becomes(plainWorker, 'OFFLINE');
      const error = await thrown(pylet.submit('true', { targetWorker: plainWorker }));
      expect(error).toBeInstanceOf(pylet.ValueError);
      expect(error.field).toBe('targetWorker');
      await instance.refresh();
      expect([instance.status, instance.endpoint]).toEqual(['UNKNOWN', null]);
    } finally {
      await herd.restartWorker('plain');
    }
    await becomes(plainWorker, 'ONLINE');
    await instance.waitRunning(20);
    expect(await pidOf(instance)).toBe(pid);
    await ended(instance);
  });
});

function facts(info: pylet.WorkerInfo): Record<string, unknown> {
  return {
    id: info.id,
    host: info.host,
    status: info.status,
    gpu: [info.gpu, info.gpuAvailable, info.gpuIndicesAvailable],
    cpu: [info.cpu, info.cpuAvailable],
    memory: [info.memory, info.memoryAvailable],
  };
}

describe('start', () => {
  /** Where what is started here has its folders. */
  const folder = join(scratch, 'started');

  beforeAll(() => mkdirSync(folder));
  beforeEach(() => {
    withoutSettings();
    vi.stubEnv('TMPDIR', folder);
  });
  afterAll(connected);

  it('without an address starts a head on port 8000, where init finds it', async () => {
    if ((await bind(8000)) === null) {
      await expect(pylet.start()).rejects.toThrow('8000');
      return;
    }
    const head = await pylet.start();
    expect(head.address).toBe('http://127.0.0.1:8000');
    await pylet.init(undefined, { token: head.token });
    expect(await pylet.workers()).toEqual([]);
    await head.stop();
    expect(await bind(8000)).toBe(8000);
  });

  it('gives a head and a worker whose instances go on when they are stopped; the port is free then', async () => {
    const head = await pylet.start({ port: 0 });
    const started = await pylet.start({ address: head.address, token: head.token });
    await pylet.init(head.address, { token: head.token });
    const instance = await sleeper();
    const pid = await pidOfHead(head, instance);
    await head.stop();
    await head.stop();
    const port = Number(new URL(head.address).port);
    expect(await bind(port)).toBe(port);
    expect(processStart(pid)).not.toBeNull();
    await started.stop();
    expect(processStart(pid)).not.toBeNull();
    process.kill(-pid, 'SIGKILL');
    await until('nothing runs', () => processesWith(folder).length === 0);
    for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
  });

  it('with an address gives a worker that offers gpu 0, cpu 4 and memory 4096, or what is said', async () => {
    await connected();
    const [bare, told] = await Promise.all([
      pylet.start({ address: herd.url, token: herd.token.trim() }),
      pylet.start({ address: herd.url, token: herd.token.trim(), gpu: 2, cpu: 3, memory: 1000 }),
    ]);
    expect(facts(await worker(bare.id))).toMatchObject({
      status: 'ONLINE',
      gpu: [0, 0, []],
      cpu: [4, 4],
      memory: [4096, 4096],
    });
    expect(facts(await worker(told.id))).toMatchObject({
      gpu: [2, 2, [0, 1]],
      cpu: [3, 3],
      memory: [1000, 1000],
    });
    // A join token is for no one to read.
    for (const pid of processesWith(folder)) {
      expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).not.toContain('drvj_');
    }
    const instance = await run('env', { targetWorker: told.id });
    expect(await instance.logs()).not.toContain('JOIN_TOKEN');
    await Promise.all([bare.stop(), told.stop()]);
    expect(processesWith(folder)).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
    await becomes(bare.id, 'OFFLINE');
    await becomes(told.id, 'OFFLINE');
  });

  it('with block runs a head, or a worker, in the foreground until a signal', async () => {
    await connected();
    const before = (await pylet.workers()).map(({ id }) => id);
    const port = await bind(0);
    const address = `http://127.0.0.1:${port}`;
    const one = foreground('head.mjs', { port });
    const two = foreground('worker.mjs', { address: herd.url, token: herd.token.trim() });
    await until('the head serves', () => listens(address));
    const isNew = ({ id, status }: pylet.WorkerInfo) => !before.includes(id) && status === 'ONLINE';
    await until('the worker is ONLINE', async () => (await pylet.workers()).some(isNew));
    expect([one.child.exitCode, two.child.exitCode]).toEqual([null, null]);
    one.child.kill('SIGTERM');
    two.child.kill('SIGINT');
    expect([await one.end, await two.end]).toEqual(['returned undefined\n', 'returned undefined\n']);
    expect(await listens(address)).toBe(false);
    expect(processesWith(folder)).toEqual([]);
    await until('the worker is not ONLINE', async () => !(await pylet.workers()).some(isNew));
  });

  const foreground = (name: string, options: object): { child: ChildProcess; end: Promise<string> } => {
    const script = writeScript(
      name,
      `console.log('returned', await pylet.start(${JSON.stringify({ ...options, block: true })}));`,
    );
    const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'ignore'] });
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    return { child, end: new Promise((resolve) => child.once('close', () => resolve(out))) };
  };
});

async function pidOfHead(head: pylet.Head, { id }: pylet.Instance): Promise<number> {
  const headers = { authorization: `Bearer ${head.token}` };
  const reply = await fetch(`${head.address}/v1/instances/${id}`, { headers });
  return ((await reply.json()) as { pid: number }).pid;
}

describe('localCluster', () => {
  const folder = join(scratch, 'clusters');

  beforeAll(() => mkdirSync(folder));
  beforeEach(() => {
    withoutSettings();
    vi.stubEnv('TMPDIR', folder);
  });
  afterAll(connected);

  it('is twice there at once, with the totals as given, calls init, and leaves nothing, also after a throw', async () => {
    const port = (await bind(0)) ?? 0;
    const options = { gpuPerWorker: 1, cpuPerWorker: 2, memoryPerWorker: 1000, port };
    const one = await pylet.localCluster(2, options);
    expect(one.address).toBe(`http://127.0.0.1:${port}`);
    expect((await pylet.workers()).map(facts)).toMatchObject(
      [1, 2].map(() => ({ status: 'ONLINE', gpu: [1, 1, [0]], cpu: [2, 2], memory: [1000, 1000] })),
    );
    let address = '';
    const sleepers: pylet.Instance[] = [];
    const broken = async (): Promise<void> => {
      await using two = await pylet.localCluster();
      address = two.address;
      expect((await pylet.workers()).map(facts)).toMatchObject([
        { status: 'ONLINE', gpu: [0, 0, []], cpu: [4, 4], memory: [4096, 4096] },
      ]);
      for (const name of ['sleeper-1', 'sleeper-2']) sleepers.push(await sleeper({ name, cpu: 1 }));
      expect(await pylet.instances({ status: 'RUNNING' })).toHaveLength(2);
      await until('they are there', () => sleepers.every(({ id }) => processesWith(id).length > 0));
      throw new Error('in the middle');
    };
    await expect(broken()).rejects.toThrow('in the middle');
    expect(pylet.isInitialized()).toBe(false);
    expect(await listens(address)).toBe(false);
    for (const { id } of sleepers) expect(processesWith(id)).toEqual([]);
    expect(await listens(one.address)).toBe(true);
    expect(readdirSync(folder)).toHaveLength(1);
    await one.shutdown();
    await one.shutdown();
    expect(await bind(port)).toBe(port);
    expect(processesWith(folder)).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('deleting workers', () => {
  beforeAll(connected);

  it('refuses one that is ONLINE or unknown, and forgets one that is OFFLINE', async () => {
    const error = await thrown(pylet.deleteWorker(gpuWorker));
    expect(error).toBeInstanceOf(pylet.ValueError);
    expect(error.field).toBe('workerId');
    expect(await thrown(pylet.deleteWorker(NOBODY))).toBeInstanceOf(pylet.NotFoundError);
    const [offline] = (await pylet.workers()).filter(({ status }) => status === 'OFFLINE');
    if (!offline) throw new Error('none is OFFLINE');
    await pylet.deleteWorker(offline.id);
    expect((await pylet.workers()).map(({ id }) => id)).not.toContain(offline.id);
    expect(await thrown(pylet.deleteWorker(offline.id))).toBeInstanceOf(pylet.NotFoundError);
  });

  it('forgets all that are OFFLINE, and says how many: 2 of 3', async () => {
    await until('none is SUSPECT', async () =>
      (await pylet.workers()).every(({ status }) => status !== 'SUSPECT'),
    );
    await pylet.deleteAllOfflineWorkers();
    expect(await pylet.workers()).toHaveLength(3);
    const third = (await pylet.workers()).find(({ id }) => id !== gpuWorker && id !== plainWorker);
    await Promise.all([herd.killWorker('plain'), herd.killWorker('third')]);
    await becomes(plainWorker, 'OFFLINE');
    await becomes(third?.id ?? '', 'OFFLINE');
    expect(await pylet.deleteAllOfflineWorkers()).toBe(2);
    expect((await pylet.workers()).map(({ id, status }) => [id, status])).toEqual([[gpuWorker, 'ONLINE']]);
    expect(await pylet.deleteAllOfflineWorkers()).toBe(0);
  });
});

describe('errors', () => {
  beforeAll(connected);

  it('are known across two copies of the package', async () => {
    const copy = (await import(`${DIST.href}?copy=2`)) as typeof pylet;
    expect(copy.NotFoundError).not.toBe(pylet.NotFoundError);
    expect(copy.isInitialized()).toBe(false);
    const foreign = await thrown(copy.workers());
    expect(foreign).toBeInstanceOf(pylet.NotInitializedError);
    expect(foreign).toBeInstanceOf(pylet.PyletError);
    expect(foreign).not.toBeInstanceOf(pylet.NotFoundError);
    const failed = await run('exit 1');
    const raised: [keyof typeof pylet, Error][] = [
      ['NotFoundError', await thrown(pylet.get('nobody'))],
      ['TimeoutError', await thrown((await pylet.submit('true', { gpu: 99 })).wait(0))],
      ['InstanceFailedError', await thrown(failed.waitRunning())],
      ['InstanceTerminatedError', await thrown(failed.cancel())],
    ];
    for (const [name, error] of raised) {
      expect(error).toBeInstanceOf(copy[name]);
      expect(error).toBeInstanceOf(copy.PyletError);
      expect([error.name, error instanceof Error]).toEqual([name, true]);
    }
    const bad = await thrown(pylet.submit(''));
    expect([bad instanceof copy.ValueError, bad instanceof copy.PyletError]).toEqual([true, false]);
    const gone = await thrown(copy.init(`http://127.0.0.1:${await bind(0)}`));
    expect([gone instanceof pylet.ConnectionError, gone instanceof pylet.PyletError]).toEqual([true, false]);
  });
});

describe('aio', () => {
  it('has the same functions', () => {
    expect({ ...pylet }).toMatchObject(pylet.aio);
    expect(Object.keys(pylet.aio)).toHaveLength(11);
  });
});
