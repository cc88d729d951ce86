/** `drover/sky`: every function and error of the SkyPilot seeds, on a real head and two real workers. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect, promisify } from 'node:util';
import * as sky from 'drover/sky';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { DROVER, RealHerd, until } from './real-herd.ts';

const DIST = new URL('../../packages/drover/dist/sky.js', import.meta.url).href;
const herd = new RealHerd();
const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'drover-sky-')));

/** This process uses the herd of this test, as nobody in particular, and finds nothing else. */
function useHerd(): void {
  vi.stubEnv('HOME', scratch);
  vi.stubEnv('DROVER_HEAD', herd.url);
  vi.stubEnv('DROVER_TOKEN', herd.token);
  for (const name of ['DROVER_STATE', 'DROVER_USER', 'XDG_CONFIG_HOME', 'XDG_STATE_HOME'])
    vi.stubEnv(name, '');
}

beforeAll(async () => {
  await herd.startHead();
  await herd.addWorker('one', ['--cpus', '4', '--memory', '4GiB']);
  await herd.addWorker('two', ['--cpus', '4', '--memory', '4GiB']);
}, 60_000);
beforeEach(useHerd);
afterEach(() => vi.unstubAllEnvs());
afterAll(async () => {
  useHerd();
  for (const { name } of await sky.get(await sky.status({ allUsers: true })))
    await sky.get(await sky.down(name, { purge: true }));
  await herd.close();
  rmSync(scratch, { recursive: true, force: true });
}, 60_000);

/** Runs a call as that user. */
async function as<T>(user: string, call: () => Promise<T>): Promise<T> {
  vi.stubEnv('DROVER_USER', user);
  return await call().finally(() => vi.stubEnv('DROVER_USER', ''));
}

/** What the call throws. */
const thrown = (call: Promise<unknown>): Promise<Error> =>
  call.then(
    (value) => Promise.reject(new Error(`nothing was thrown: ${inspect(value)}`)),
    (error) => error,
  );

/** What a new process prints that runs this body with the view as `sky`. */
async function inAnotherProcess(body: string, env: Record<string, string> = {}): Promise<unknown> {
  const script = `import * as sky from ${JSON.stringify(DIST)};\nconsole.log(JSON.stringify(await (async () => { ${body} })()));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    env: { ...process.env, ...env },
  });
  return JSON.parse(stdout);
}

/** The request fails with that error: here, and in a process that knows its id only. */
async function expectError(id: string, name: string, also: readonly string[] = []): Promise<Error> {
  const error = await thrown(sky.get(id));
  const told = (await inAnotherProcess(
    `try { await sky.get('${id}') } catch (e) {
      const is = (n) => e instanceof sky.exceptions[n];
      return { name: e.name, message: e.message, details: e.details, is: ['SkyError', '${name}', ${also.map((one) => `'${one}'`).join(', ')}].filter(is) };
    }`,
  )) as Record<string, unknown>;
  expect(error.name).toBe(name);
  expect(told).toEqual({
    name,
    message: error.message,
    details: JSON.parse(JSON.stringify((error as sky.SkyError).details)),
    is: ['SkyError', name, ...also],
  });
  return error;
}

/** Collects what is written. */
function collector(): sky.OutputStream & { text(): string } {
  const parts: string[] = [];
  return { write: (text) => parts.push(text), text: () => parts.join('') };
}

const quick = (run: string, name = 'quick'): sky.Task => new sky.Task(name, { run });
/** A job on a cluster that is there. */
async function execOn(clusterName: string, run: string): Promise<number> {
  const [jobId] = await sky.get(await sky.exec(quick(run), { clusterName }));
  return jobId ?? 0;
}
const jobBecomes = (cluster: string, id: number, status: sky.JobStatus): Promise<void> =>
  until(
    `job ${id} of ${cluster} is ${status}`,
    async () => (await sky.get(await sky.jobStatus(cluster, { jobIds: [id] }))).get(id) === status,
  );

describe('a launch', () => {
  it('gives a request at once, which streams, and gives job and handle in any process', async () => {
    const task = quick('echo hello', 'hello').setResources(new sky.Resources({ cpus: 2, memory: 1 }));
    const id = await sky.launch(task, { clusterName: 'main' });
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    const output = collector();
    const [jobId, handle] = await sky.streamAndGet(id, { outputStream: output });
    expect([jobId, handle?.clusterName, handle?.nodes.length]).toEqual([1, 'main', 1]);
    expect(handle?.addresses).toEqual([handle?.headIp]);
    expect(output.text()).toContain('Considered resources (1 node)');
    expect(await inAnotherProcess(`return await sky.get('${id}')`)).toEqual([jobId, handle]);
    const log = collector();
    expect(await sky.tailLogs('main', jobId, true, { outputStream: log })).toBe(0);
    expect(log.text()).toMatch(/^\(hello, pid=\d+\) hello\nJob finished \(status: SUCCEEDED\)\.\n$/);
  });

  it('is streamed by the beginning of its id, by its tail, from a log path, and the newest without an id', async () => {
    const id = await sky.launch(quick('true'), { clusterName: 'main' });
    await sky.get(id);
    const [byPrefix, whole, tail, newest, path, job] = [1, 2, 3, 4, 5, 6].map(collector) as ReturnType<
      typeof collector
    >[];
    await sky.streamAndGet(id, { outputStream: whole });
    const result = await sky.streamAndGet(id.slice(0, 8), { outputStream: byPrefix });
    await sky.streamAndGet(id, { tail: 1, follow: false, outputStream: tail });
    expect(result).toEqual(await sky.get(id));
    expect(byPrefix?.text()).toBe(whole?.text());
    expect(tail?.text()).toBe(
      whole
        ?.text()
        .split(/(?<=\n)/)
        .at(-1),
    );
    expect(
      await sky.streamAndGet(null, { logPath: `/v1/requests/${id}/log`, outputStream: path }),
    ).toBeNull();
    expect(path?.text()).toBe(whole?.text());
    const [record] = await sky.get(await sky.queue('main'));
    expect(await sky.streamAndGet(null, { logPath: record?.log_path, outputStream: job })).toBeNull();
    expect(job?.text()).toMatch(/SUCCEEDED/);
    const last = await sky.launch(quick('true', 'newest'), { clusterName: 'main' });
    expect(await sky.streamAndGet(null, { outputStream: newest })).toEqual(await sky.get(last));
    expect(await thrown(sky.streamAndGet(id, { logPath: 'x' }))).toBeInstanceOf(sky.ValueError);
    expect(await thrown(sky.streamAndGet(null, { logPath: 'x' }))).toBeInstanceOf(sky.ValueError);
    expect(await thrown(sky.streamAndGet('ffffffff'))).toBeInstanceOf(sky.ValueError);
  });

  it('goes on when the process that asked for it is killed', async () => {
    const body = `
      const task = new sky.Task('orphan', { setup: 'until test -e ~/go; do sleep 0.05; done', run: 'echo went on' });
      const id = await sky.launch(task, { clusterName: 'orphan' });
      console.log(id);
      await sky.get(id);`;
    const script = `import * as sky from ${JSON.stringify(DIST)};\n${body}`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...process.env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const id = line.toString().trim();
    child.kill('SIGKILL');
    await once(child, 'exit');
    await until(
      'its node is there',
      async () => (await herd.client.clusters.get('orphan')).nodes[0]?.address != null,
    );
    const homes = ['one', 'two'].map((name) => join(herd.stateOf(name), 'homes'));
    const home = () =>
      homes.flatMap((path) => (existsSync(path) ? readdirSync(path).map((name) => join(path, name)) : []));
    await until('a home is there', () => home().length > 0);
    // Which of the homes is the new one does not matter: in the others nobody looks.
    for (const path of home()) writeFileSync(join(path, 'go'), '');
    const [jobId] = (await sky.get(id as sky.RequestId<sky.Launched>)) ?? [];
    const log = collector();
    expect(await sky.tailLogs('orphan', jobId, true, { outputStream: log })).toBe(0);
    expect(log.text()).toContain('went on');
    await sky.get(await sky.down('orphan'));
  });

  it('makes a name where none is given, takes a Dag of one task, and after a dry run has no handle', async () => {
    const [jobId, handle] = await sky.get(await sky.launch(new sky.Dag().add(quick('true'))));
    expect([jobId, handle?.launchedNodes]).toEqual([1, 1]);
    const name = handle?.clusterName ?? '';
    const two = new sky.Dag().chain(quick('true'), quick('true'));
    await expectError(await sky.launch(two), 'ValueError');
    await sky.get(await sky.down(name));
    expect(await sky.get(await sky.status({ clusterNames: [name], allUsers: true }))).toEqual([]);
    expect(await sky.get(await sky.launch(quick('true'), { clusterName: 'dry', dryrun: true }))).toEqual([
      null,
      null,
    ]);
    expect(await sky.get(await sky.status({ clusterNames: ['dry'] }))).toEqual([]);
  });

  it('asks a function for the command of each node, once their addresses are known', async () => {
    const seen: (readonly string[])[] = [];
    const task = new sky.Task('fn', {
      numNodes: 2,
      setup: 'echo prepared > ~/witness',
      run: (rank, addresses) => {
        seen.push(addresses);
        return rank === 0 ? null : `echo rank ${rank} of ${addresses.length}; cat ~/witness`;
      },
    });
    const id = await sky.launch(task, { clusterName: 'fn', idleMinutesToAutostop: 30 });
    const [jobId, handle] = await sky.get(id);
    expect(seen).toEqual([handle?.addresses, handle?.addresses]);
    expect(handle?.addresses).toHaveLength(2);
    const log = collector();
    expect(await sky.tailLogs('fn', jobId, true, { outputStream: log })).toBe(0);
    expect(log.text()).toMatch(/rank 1 of 2\n.*prepared\n/);
    expect(log.text()).not.toMatch(/rank 0/);
    const [record] = await sky.get(await sky.status({ clusterNames: ['fn'] }));
    expect([record?.autostop, record?.to_down]).toEqual([30, false]);
    await sky.get(await sky.down('fn'));
  });

  it('that asks a function and is to be torn down goes when its job has ended', async () => {
    const id = await sky.launch(new sky.Task('gone', { run: () => 'echo ran' }), {
      clusterName: 'gone',
      down: true,
    });
    const [jobId] = await sky.get(id);
    expect(jobId).toBe(1);
    await until(
      'it is gone',
      async () => (await sky.get(await sky.status({ clusterNames: ['gone'] }))).length === 0,
    );
  });

  it('skips setup when it is told to, and is kept for a look when setup fails', async () => {
    const witness = new sky.Task('w', { setup: 'echo x >> ~/setups', run: 'wc -l < ~/setups' });
    await sky.get(await sky.launch(witness, { clusterName: 'main' }));
    await sky.get(await sky.launch(witness, { clusterName: 'main', noSetup: true }));
    const [last] = await sky.get(await sky.launch(witness, { clusterName: 'main', fast: true }));
    const log = collector();
    await sky.tailLogs('main', last, true, { outputStream: log });
    expect(log.text()).toMatch(/\) 1\n/);
    const broken = new sky.Task('b', { setup: 'exit 9', run: 'true' });
    const error = await expectError(
      await sky.launch(broken, { clusterName: 'broken', down: true }),
      'CommandError',
    );
    expect((error as sky.CommandError).returncode).toBe(9);
    const [record] = await sky.get(await sky.status({ clusterNames: ['broken'] }));
    expect(record?.status).toBe(sky.ClusterStatus.INIT);
    await sky.get(await sky.down('broken'));
  });
});

describe('jobs', () => {
  it('end with the exit code that stands for them', async () => {
    const failed = await execOn('main', 'exit 3');
    expect(await sky.tailLogs('main', failed, true, { outputStream: collector() })).toBe(
      sky.JobExitCode.FAILED,
    );
    const long = await execOn('main', 'echo begun; sleep 300');
    await jobBecomes('main', long, 'RUNNING');
    const output = collector();
    expect(await sky.tailLogs('main', long, false, { outputStream: output })).toBe(
      sky.JobExitCode.NOT_FINISHED,
    );
    expect(await sky.tailLogs('main', 999, true)).toBe(sky.JobExitCode.NOT_FOUND);
    expect(await sky.get(await sky.cancel('main', { jobIds: [long] }))).toBeNull();
    expect(await sky.tailLogs('main', long, true, { outputStream: collector() })).toBe(
      sky.JobExitCode.CANCELLED,
    );
    const lines = await execOn('main', 'seq 1 9');
    const tail = collector();
    await jobBecomes('main', lines, 'SUCCEEDED');
    expect(await sky.tailLogs('main', null, false, { tail: 2, outputStream: tail })).toBe(0);
    expect(tail.text()).toMatch(/^\(quick, pid=\d+\) 8\n\(quick, pid=\d+\) 9\nJob finished/);
  });

  it('stand in the queue with the keys and times of the seed', async () => {
    const id = await execOn('main', 'sleep 300');
    await jobBecomes('main', id, 'RUNNING');
    const live = await sky.get(await sky.queue('main', { skipFinished: true }));
    expect(live.map(({ job_id }) => job_id)).toEqual([id]);
    const [record] = live;
    expect(record).toMatchObject({ job_name: 'quick', status: 'RUNNING', end_at: null, username: 'admin' });
    expect(record?.start_at).toBeGreaterThanOrEqual(record?.submitted_at ?? Number.POSITIVE_INFINITY);
    expect((await sky.get(await sky.queue('main'))).length).toBeGreaterThan(1);
    const statuses = await sky.get(await sky.jobStatus('main', { jobIds: [id, 999] }));
    expect([...statuses]).toEqual([
      [id, 'RUNNING'],
      [999, null],
    ]);
    expect([...(await sky.get(await sky.jobStatus('main')))]).toEqual([[id, 'RUNNING']]);
    await sky.get(await sky.cancel('main'));
    await jobBecomes('main', id, 'CANCELLED');
    await sky.get(await sky.launch(new sky.Task('bare'), { clusterName: 'bare' }));
    expect([...(await sky.get(await sky.jobStatus('bare')))]).toEqual([[null, null]]);
    await sky.get(await sky.down('bare'));
  });

  it('of other users are left alone, unless all are meant', async () => {
    const mine = await execOn('main', 'sleep 300');
    const theirs = await as('bob', () => execOn('main', 'sleep 300'));
    const hers = await as('carol', () => execOn('main', 'sleep 300'));
    for (const id of [mine, theirs, hers]) await jobBecomes('main', id, 'RUNNING');
    const queue = await sky.get(await sky.queue('main', { skipFinished: true }));
    expect(queue.map(({ job_id }) => job_id)).toEqual([mine]);
    const all = await sky.get(await sky.queue('main', { skipFinished: true, allUsers: true }));
    expect(all.map(({ username }) => username)).toEqual(['carol', 'bob', 'admin']);
    await sky.get(await sky.cancel('main', { all: true }));
    await jobBecomes('main', mine, 'CANCELLED');
    expect([...(await sky.get(await sky.jobStatus('main', { jobIds: [theirs, hers] }))).values()]).toEqual([
      'RUNNING',
      'RUNNING',
    ]);
    await sky.get(await sky.cancel('main', { jobIds: [theirs] }));
    await jobBecomes('main', theirs, 'CANCELLED');
    await sky.get(await sky.cancel('main', { allUsers: true }));
    await jobBecomes('main', hers, 'CANCELLED');
    await expectError(await sky.cancel('main', { all: true, jobIds: [1] }), 'ValueError');
  });

  it('leave logs that are the same here as there', async () => {
    const id = await execOn('main', 'echo one; echo two >&2; printf three');
    await jobBecomes('main', id, 'SUCCEEDED');
    const paths = await sky.downloadLogs('main', [id]);
    expect(Object.keys(paths)).toEqual([String(id)]);
    expect(paths[id]).toContain(join(scratch, 'drover_logs'));
    expect(readFileSync(join(paths[id] ?? '', 'node-0.log'), 'utf8')).toBe('one\ntwo\nthree');
    expect(Object.keys(await sky.downloadLogs('main', null))).toEqual([String(id)]);
    expect(await thrown(sky.downloadLogs('main', [999]))).toBeInstanceOf(sky.ValueError);
  });
});

describe('a cluster', () => {
  it('keeps its home over stop and start, and is set to stop by itself', async () => {
    await jobBecomes('main', await execOn('main', 'echo kept > ~/kept'), 'SUCCEEDED');
    expect(await sky.get(await sky.stop('main'))).toBeNull();
    const [stopped] = await sky.get(await sky.status({ clusterNames: ['main', 'nobody'] }));
    expect([stopped?.status, stopped?.last_use, stopped?.user_name]).toEqual([
      'STOPPED',
      'sky.stop',
      'admin',
    ]);
    await expectError(await sky.queue('main'), 'ClusterNotUpError', ['ValueError']);
    await expectError(await sky.exec(quick('true'), { clusterName: 'main' }), 'ClusterNotUpError', [
      'ValueError',
    ]);
    await expectError(await sky.autostop('main', 5), 'ClusterNotUpError', ['ValueError']);
    expect(await thrown(sky.tailLogs('main', 1, true))).toBeInstanceOf(sky.ClusterNotUpError);
    await expectError(await sky.start('main', { down: true }), 'ValueError');
    expect(await sky.get(await sky.start('main', { idleMinutesToAutostop: 60, down: true }))).toBeNull();
    const [record] = await sky.get(await sky.status({ clusterNames: ['main'], refresh: 'FORCE' }));
    expect([record?.status, record?.autostop, record?.to_down]).toEqual(['UP', 60, true]);
    expect(record?.handle.nodes).toHaveLength(1);
    expect(await sky.get(await sky.autostop('main', 20))).toBeNull();
    expect((await sky.get(await sky.status({ clusterNames: ['main'] })))[0]).toMatchObject({
      autostop: 20,
      to_down: false,
    });
    await sky.get(await sky.autostop('main', -1));
    expect((await sky.get(await sky.status({ clusterNames: ['main'] })))[0]?.autostop).toBe(-1);
    const id = await execOn('main', 'cat ~/kept');
    const log = collector();
    expect(await sky.tailLogs('main', id, true, { outputStream: log })).toBe(0);
    expect(log.text()).toContain('kept');
  });

  it('is seen by its own user, and by others when they ask for all', async () => {
    const names = async (allUsers: boolean) =>
      (await sky.get(await sky.status({ allUsers }))).map(({ name }) => name);
    await as('bob', async () => {
      expect(await names(false)).toEqual([]);
      expect(await names(true)).toEqual(['main']);
      for (const id of [
        await sky.autostop('main', 5),
        await sky.queue('main', { allUsers: true }),
        await sky.jobStatus('main'),
        await sky.cancel('main', { all: true }),
        await sky.start('main'),
        await sky.launch(quick('true'), { clusterName: 'main' }),
      ])
        await expectError(id, 'ClusterOwnerIdentityMismatchError');
      const refused = await thrown(sky.tailLogs('main', null, false));
      expect(refused).toBeInstanceOf(sky.ClusterOwnerIdentityMismatchError);
      expect(refused.message).toContain('belongs to admin, not to bob');
    });
  });

  it('with tokens of their own users are who they are, whatever their programs say', async () => {
    for (const name of ['ana', 'bo']) await herd.client.users.create({ name });
    const by = async (user: string): Promise<void> =>
      void vi.stubEnv('DROVER_TOKEN', (await herd.client.tokens.create({ user })).token);
    vi.stubEnv('DROVER_USER', 'ana');
    await by('ana');
    await sky.get(await sky.launch(quick('true'), { clusterName: 'anas' }));
    await by('bo');
    expect(await sky.get(await sky.status())).toEqual([]);
    const refused = await expectError(await sky.queue('anas'), 'ClusterOwnerIdentityMismatchError');
    expect(refused.message).toContain('belongs to ana, not to bo');
    await by('ana');
    const [mine] = await sky.get(await sky.status());
    expect(mine).toMatchObject({ name: 'anas', user_name: 'ana' });
    await sky.get(await sky.down('anas'));
  });
});

describe('the errors of the seed', () => {
  it('name what is wrong, the same in another process', async () => {
    const unknown = ['ClusterDoesNotExist', ['ValueError']] as const;
    await expectError(await sky.stop('nobody'), ...unknown);
    await expectError(await sky.down('nobody'), ...unknown);
    await expectError(await sky.start('nobody'), ...unknown);
    await expectError(await sky.autostop('nobody', 5), ...unknown);
    await expectError(await sky.queue('nobody'), ...unknown);
    await expectError(await sky.jobStatus('nobody'), ...unknown);
    await expectError(await sky.cancel('nobody'), ...unknown);
    await expectError(await sky.exec(quick('true'), { clusterName: 'nobody' }), ...unknown);
    expect(await thrown(sky.tailLogs('nobody', 1, true))).toBeInstanceOf(sky.ClusterDoesNotExist);
    expect(await thrown(sky.downloadLogs('nobody', null))).toBeInstanceOf(sky.ClusterDoesNotExist);
    await expectError(await sky.exec(quick('true')), 'ValueError');
    await expectError(await sky.launch(quick('true'), { clusterName: 'no good' }), 'InvalidClusterNameError');
    await expectError(
      await sky.launch(quick('true'), { clusterName: 'x', idleMinutesToAutostop: -1 }),
      'ValueError',
    );
    const greedy = quick('true').setResources(new sky.Resources({ cpus: '64+' }));
    await expectError(await sky.launch(greedy, { clusterName: 'main' }), 'ResourcesMismatchError');
    await expectError(
      await sky.launch(new sky.Task('f', { workdir: '/nowhere' }), { clusterName: 'x' }),
      'ValueError',
    );
  }, 120_000);

  it('tell what could never be had from what is taken', async () => {
    const greedy = quick('true').setResources(new sky.Resources({ cpus: '64+' }));
    const never = await expectError(
      await sky.launch(greedy, { clusterName: 'never' }),
      'ResourcesUnavailableError',
    );
    expect((never as sky.ResourcesUnavailableError).failoverHistory).toEqual([]);
    const whole = new sky.Task('whole').setResources(new sky.Resources({ cpus: 4 }));
    await sky.get(await sky.launch(whole.setNumNodes(1), { clusterName: 'taken' }));
    const both = new sky.Task('both', { numNodes: 2 }).setResources(new sky.Resources({ cpus: 4 }));
    const taken = await expectError(
      await sky.launch(both, { clusterName: 'late' }),
      'ResourcesUnavailableError',
    );
    expect((taken as sky.ResourcesUnavailableError).failoverHistory.length).toBeGreaterThan(0);
    await sky.get(await sky.down('taken'));
  });

  it('refuse what cannot be had', async () => {
    for (const options of [
      { backend: 'other' },
      { cloneDiskFrom: 'main' },
      { _needConfirmation: true },
      { _isLaunchedByJobsController: true },
      { _isLaunchedBySkyServeController: true },
      { _disableControllerCheck: true },
    ] satisfies sky.LaunchOptions[])
      await expectError(
        await sky.launch(quick('true'), { clusterName: 'main', ...options }),
        'NotSupportedError',
      );
    await expectError(
      await sky.exec(quick('true'), { clusterName: 'main', backend: 'other' }),
      'NotSupportedError',
    );
    expect(() => new sky.Resources({ _requiresFuse: true })).toThrow(sky.NotSupportedError);
    expect(() => new sky.Task('x', { dockerImage: 'y' })).toThrow(sky.ValueError);
    expect(() => new sky.Resources({ cpus: 'many' })).toThrow(sky.ValueError);
  }, 120_000);

  it('tell a token that is refused, a head that is away, and a failure of the head', async () => {
    const failed = await herd.client.requests.record({
      name: 'down',
      cluster: 'main',
      error: { code: 'INTERNAL', message: 'it did not work', details: {} },
    });
    await expectError(failed.id, 'RuntimeError');
    vi.stubEnv('DROVER_TOKEN', 'wrong');
    expect(await thrown(sky.autostop('main', 5))).toBeInstanceOf(sky.CloudUserIdentityError);
    expect(await thrown(sky.get(failed.id))).toBeInstanceOf(sky.CloudUserIdentityError);
    const away = await thrown(sky.apiLogin({ endpoint: 'http://127.0.0.1:9' }));
    expect(away).toBeInstanceOf(sky.ApiServerConnectionError);
    expect(away).toBeInstanceOf(sky.RuntimeError);
  });

  it('tell that there is no machine at all', async () => {
    const empty = new RealHerd();
    await empty.startHead();
    try {
      vi.stubEnv('DROVER_HEAD', empty.url);
      vi.stubEnv('DROVER_TOKEN', empty.token);
      await expectError(await sky.launch(quick('true'), { clusterName: 'c' }), 'NoCloudAccessError');
    } finally {
      await empty.close();
    }
  });
});

describe('requests', () => {
  it('are listed, and cancelled by what their ids begin with', async () => {
    const id = await sky.launch(new sky.Task('slow', { setup: 'sleep 300' }), { clusterName: 'slow' });
    const live = await sky.apiStatus();
    expect(live.map(({ request_id }) => request_id)).toEqual([id]);
    expect(live[0]).toMatchObject({ name: 'launch', user_name: 'admin', cluster_name: 'slow' });
    expect((await sky.apiStatus({ requestIds: [id.slice(0, 8)], allStatus: true }))[0]?.request_id).toBe(id);
    const cancel = await sky.apiCancel({ requestIds: [id.slice(0, 8)], silent: true });
    expect(await sky.get(cancel)).toEqual([id]);
    await expectError(id, 'RequestCancelled');
    expect(await thrown(sky.apiCancel())).toBeInstanceOf(sky.ValueError);
    const again = await sky.launch(new sky.Task('slow', { setup: 'sleep 300' }), { clusterName: 'slow2' });
    expect(await sky.get(await sky.apiCancel({ allUsers: true, silent: true }))).toEqual([again]);
    const third = await sky.launch(new sky.Task('slow', { setup: 'sleep 300' }), { clusterName: 'slow3' });
    await sky.get(await sky.down('slow3'));
    await expectError(third, 'RequestCancelled');
    expect((await sky.apiStatus({ allStatus: true })).length).toBeGreaterThan(3);
  }, 120_000);
});

describe('the server', () => {
  it('is kept by a login for this user only', async () => {
    for (const name of ['DROVER_HEAD', 'DROVER_TOKEN']) vi.stubEnv(name, '');
    const { host } = new URL(herd.url);
    await sky.apiLogin({ endpoint: `http://admin:${herd.token.trim()}@${host}` });
    const path = join(scratch, '.config/drover/config.toml');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await sky.apiInfo()).toMatchObject({ status: 'healthy', url: herd.url });
    expect(await thrown(sky.apiLogin())).toBeInstanceOf(sky.ValueError);
    writeFileSync(path, 'not toml');
    expect(
      await thrown(sky.apiLogin({ endpoint: `http://admin:${herd.token.trim()}@${host}` })),
    ).toBeInstanceOf(sky.ValueError);
    rmSync(path);
  });

  it('is bound where it is told, beyond loopback by TLS; a login keeps whom to trust, and whose token it is', async () => {
    const own = {
      DROVER_HEAD: '',
      DROVER_TOKEN: '',
      DROVER_PORT: '0',
      DROVER_WORKERS: '0',
      HOME: join(scratch, 'bound'),
      DROVER_STATE: join(scratch, 'bound/state'),
    };
    const here = (await inAnotherProcess(
      `await sky.apiStart({ host: '127.0.0.2' });
      const { url, user } = await sky.apiInfo();
      await sky.apiStop();
      return { url, user };`,
      own,
    )) as sky.ApiInfo;
    expect(here.url).toMatch(/^http:\/\/127\.0\.0\.2:/);
    expect(here.user).toEqual({ id: 'admin', name: 'admin' });
    const run = promisify(execFile);
    const drover = async (...args: string[]): Promise<string> =>
      (await run(DROVER, args, { env: { ...process.env, ...own } })).stdout;
    try {
      const { url } = (await inAnotherProcess(
        'await sky.apiStart({ deploy: true }); return await sky.apiInfo();',
        own,
      )) as sky.ApiInfo;
      expect(url).toMatch(/^https:/);
      const { tls } = JSON.parse(await drover('head', 'status', '--json'));
      const token = (await drover('user', 'create', 'ana')).trim();
      const endpoint = url.replace('://', `://any:${token}@`);
      const told = (await inAnotherProcess(
        `process.env.DROVER_CA = ${JSON.stringify(tls.ca)};
        await sky.apiLogin({ endpoint: ${JSON.stringify(endpoint)} });
        delete process.env.DROVER_CA;
        return await sky.apiInfo();`,
        { ...own, HOME: join(scratch, 'elsewhere'), DROVER_STATE: join(scratch, 'elsewhere/state') },
      )) as sky.ApiInfo;
      expect(told).toMatchObject({ url, status: 'healthy', user: { name: 'ana' } });
      const log = await inAnotherProcess(
        `const { write } = process.stdout;
        let said = '';
        process.stdout.write = (text) => ((said += text), true);
        await sky.apiServerLogs().finally(() => (process.stdout.write = write));
        return said;`,
        own,
      );
      expect(log).toContain(`"component":"head"`);
    } finally {
      await drover('down');
    }
    // What is named counts, whatever it was before.
    const back = await inAnotherProcess(
      `await sky.apiStart({ host: '127.0.0.1' });
      const { write } = process.stderr;
      let said = '';
      process.stderr.write = (text) => ((said += text), true);
      await sky.apiStart({ deploy: true }).finally(() => (process.stderr.write = write));
      const { url } = await sky.apiInfo();
      await sky.apiStop();
      return [url, said];`,
      own,
    );
    expect(back).toEqual([
      expect.stringMatching(/^http:\/\/127\.0\.0\.1:/),
      expect.stringContaining(
        'for --host 0.0.0.0 (it is bound to 127.0.0.1): "drover down", then this again',
      ),
    ]);
    vi.stubEnv('DROVER_STATE', join(scratch, 'nowhere'));
    expect(await thrown(sky.apiServerLogs())).toBeInstanceOf(sky.NotSupportedError);
  }, 60_000);

  it('in the foreground lasts as long as the call, and ends with its process', async () => {
    const script = `import * as sky from ${JSON.stringify(DIST)};
      await sky.apiStart({ foreground: true });
      console.log('came back');`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      env: {
        ...process.env,
        HOME: scratch,
        DROVER_STATE: join(scratch, 'foreground'),
        DROVER_PORT: '0',
        DROVER_JSON: '1',
      },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    await until('its head serves', () => out.includes('\n'));
    const { url, pid } = JSON.parse(out.split('\n')[0] ?? '');
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect(pid).not.toBe(child.pid);
    child.kill('SIGTERM');
    const [code] = await once(child, 'close');
    expect([code, out.trimEnd().split('\n').at(-1)]).toEqual([0, 'came back']);
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
  });

  it('is started by the first call where none is known, said on stderr, and ended by apiStop', async () => {
    const home = join(scratch, 'fresh');
    const state = join(home, 'state');
    const port = new URL(herd.url).port;
    // The usual port may be somebody's: to this process nobody answers there, and the herd takes another one.
    const body = `
      const { fetch } = globalThis;
      globalThis.fetch = (to, init) => String(to).includes(':3768/') ? Promise.reject(new Error('away')) : fetch(to, init);
      let said = '';
      process.stderr.write = (text) => (said += text);
      const first = await sky.apiInfo();
      const starts = said;
      await sky.apiStart();
      const same = (await sky.apiInfo()).herd === first.herd;
      const done = await sky.get(await sky.launch(new sky.Task({ run: 'true' }), { clusterName: 'c' }));
      await sky.apiStop();
      return { same, starts, jobId: done[0], url: first.url };`;
    const own = { DROVER_HEAD: '', DROVER_TOKEN: '', HOME: home, DROVER_STATE: state, DROVER_PORT: '0' };
    const told = (await inAnotherProcess(body, own)) as { same: boolean; jobId: number; url: string };
    const starts = 'drover: starting a herd on this machine ("drover down" ends it)\n';
    expect(told).toMatchObject({ same: true, starts, jobId: 1 });
    expect(new URL(told.url).port).not.toBe(port);
    await expect(fetch(`${told.url}/healthz`)).rejects.toThrow();
    expect(existsSync(join(state, 'head'))).toBe(true);
  }, 120_000);
});
