/** The built `bin/drover`, as a person and a script meet it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { processesWith } from './processes.ts';

const BIN = fileURLToPath(new URL('../../bin/drover', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'drover-cli-e2e-'));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

type Vars = Readonly<Record<string, string>>;

function environment(vars: Vars): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([key]) => !/^(DROVER|XDG)_|^NO_COLOR$/.test(key));
  return {
    ...Object.fromEntries(own),
    XDG_CONFIG_HOME: join(folder, 'config'),
    XDG_STATE_HOME: folder,
    ...vars,
  };
}

function begin(args: readonly string[], vars: Vars = {}): ChildProcess {
  return spawn(BIN, args, { env: environment(vars), stdio: ['ignore', 'pipe', 'pipe'] });
}

async function endOf(child: ChildProcess): Promise<Ended> {
  let out = '';
  let err = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err };
}

const runWith = async (vars: Vars, ...args: string[]): Promise<Ended> => await endOf(begin(args, vars));

async function firstLine(child: ChildProcess): Promise<Record<string, string>> {
  if (child.stdout === null) throw new Error('no standard output');
  let err = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const line = createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  const { value } = await line;
  if (value === undefined) throw new Error(`it ended without a line: ${err}`);
  return JSON.parse(value) as Record<string, string>;
}

describe('a head and a worker in the foreground', () => {
  const state = join(folder, 'fg');
  const children: ChildProcess[] = [];
  let vars: Vars = {};
  const run = async (...args: string[]): Promise<Ended> => await runWith(vars, ...args);
  const json = async <T = Record<string, unknown>>(...args: string[]): Promise<T> => {
    const { code, out, err } = await run(...args, '--json');
    if (code !== 0) throw new Error(`drover ${args.join(' ')}: exit ${code}: ${err}`);
    return JSON.parse(out) as T;
  };

  let head: ChildProcess;
  let workerArgs: string[] = [];
  const startWorker = (): ChildProcess => {
    const child = begin(workerArgs);
    children.push(child);
    return child;
  };
  let worker: ChildProcess;
  let workerId = '';

  beforeAll(async () => {
    head = begin(['head', '--state', join(state, 'head'), '--port', '0', '--json']);
    children.push(head);
    const ready = await firstLine(head);
    expect(Object.keys(ready)).toEqual(expect.arrayContaining(['url', 'tokenFile']));
    const { url = '', tokenFile = '' } = ready;
    vars = { DROVER_HEAD: url, DROVER_TOKEN: readFileSync(tokenFile, 'utf8').trim() };
    const { token } = await json<{ token: string }>('join-token', 'create');
    const offer = ['--cpus', '64', '--memory', '128GiB', '--gpus', '2xA100:80GB', '--name', 'w1'];
    workerArgs = [
      'worker',
      '--state',
      join(state, 'w'),
      '--head',
      url,
      '--join-token',
      token,
      ...offer,
      '--json',
    ];
    worker = startWorker();
    workerId = (await firstLine(worker)).workerId ?? '';
  });

  afterAll(async () => {
    await run('instance', 'delete', '--all', '-y');
    for (const child of children.toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
  });

  it('are ONLINE when they say so, and offer what they were told', async () => {
    const [view] = await json<{ id: string; status: string; total: object }[]>('worker', 'list');
    expect(view).toMatchObject({
      id: workerId,
      name: 'w1',
      status: 'ONLINE',
      total: { cpu: 64, memoryMiB: 131_072, gpus: 2 },
      gpus: [{ model: 'A100', memoryMiB: 81_920 }, { index: 1 }],
    });
    expect(await json('head', 'status')).toMatchObject({ url: vars.DROVER_HEAD, store: { status: 'ok' } });
    expect((await run('worker', 'show', 'w1')).out).toContain('GPU 0');
  });

  it.each([
    ['true', 0],
    ['exit 3', 3],
    ['kill -9 $$', 137],
    ['no-such-program-anywhere', 127],
  ])('submit --wait %j exits with %d', async (command, code) => {
    const ended = await run('submit', '--wait', command);
    expect(ended.code).toBe(code);
    expect(ended.out).toMatch(/^[0-9a-f-]{36}\n$/);
  });

  it('shows a log as it grows, byte by byte, and nothing else on standard output', async () => {
    const ended = await run(
      'submit',
      '-f',
      '--',
      'sh',
      '-c',
      'printf "$1\\377"; echo err >&2; exit 4',
      'x',
      'a b',
    );
    expect(ended).toMatchObject({ code: 4, out: 'a b\ufffderr\n' });
    const view = await json<{ id: string }>('submit', '--wait', "printf '\\033[2J0123456789'");
    expect((await run('logs', view.id)).out).toBe('\u001b[2J0123456789');
    expect((await run('logs', view.id, '--tail', '3')).out).toBe('789');
    expect((await run('logs', view.id.slice(0, 8), '--offset', '12', '-f')).out).toBe('89');
  });

  it('submits a job file with every field', async () => {
    const path = join(folder, 'train.toml');
    writeFileSync(
      path,
      'command = ["sh", "-c", "echo $A"]\n[resources]\ncpus = 2\nmemory = "1GiB"\ngpu_indices = [1]\nexclusive = false\n' +
        'target_worker = "w1"\n[env]\nA = "from file"\n[labels]\nteam = "x"\n',
    );
    const view = await json('submit', '-c', path, '--wait', '--env', 'A=from flag', '--priority', '7');
    expect(view).toMatchObject({
      name: 'train',
      status: 'COMPLETED',
      resources: { cpu: 2, memoryMiB: 1024 },
      requestedGpuIndices: [1],
      exclusive: false,
      targetWorker: workerId,
      labels: { team: 'x' },
      priority: 7,
    });
    expect((await run('logs', 'train')).out).toBe('from flag\n');
  });

  it('lists, explains, cancels, deletes', async () => {
    const big = await json<{ id: string }>(
      'submit',
      '--name',
      'big',
      '--cpus',
      '1000',
      '--label',
      'l=1',
      'true',
    );
    const [listed] = await json<{ id: string }[]>('ps', '--label', 'l=1');
    expect(listed?.id).toBe(big.id);
    expect((await run('ps')).out).toMatch(/^ID +NAME +STATUS +AGE .*\n.*big +PENDING/);
    expect(await json('explain', 'big')).toMatchObject({ status: 'PENDING', neverFits: true });
    expect((await run('explain', 'big')).out).toMatch(/CPU short by/);
    const cancelled = await json('cancel', 'big', '--wait');
    expect(cancelled).toMatchObject({ status: 'CANCELLED' });
    expect(await run('cancel', 'big')).toMatchObject({ code: 1, out: '' });
    expect((await run('ps', '--label', 'l=1')).out).toBe('');
    expect((await json<unknown[]>('ps', '-a', '--label', 'l=1')).length).toBe(1);
    expect(await json('instance', 'delete', 'big')).toMatchObject({ deleted: true });
    expect((await run('instance', 'show', big.id)).code).toBe(3);
    expect((await run('events', '--noun', 'instances', '--json')).out).toContain('"type":"cancel"');
  });

  it('leaves the instance alone when it is interrupted', async () => {
    const child = begin(['submit', '-f', '--name', 'long', 'echo begun; sleep 600'], vars);
    let out = '';
    const begun = new Promise<void>((resolve) => {
      child.stdout?.on('data', (chunk) => {
        out += String(chunk);
        if (out.includes('begun')) resolve();
      });
    });
    await begun;
    child.kill('SIGINT');
    const ended = await endOf(child);
    expect(ended.code).toBe(130);
    expect(ended.err).toMatch(/drover logs -f .*\n.*drover cancel/);
    expect(await json('instance', 'show', 'long')).toMatchObject({ status: 'RUNNING' });
    expect(await json('cancel', 'long', '--wait', '--grace', '1s')).toMatchObject({ status: 'CANCELLED' });
  });

  it('completes verbs, flags and names', async () => {
    await json('submit', '--name', 'completed-name', '--wait', 'true');
    const words = async (...args: string[]) =>
      (await run('__complete', '--', ...args)).out.split('\n').map((line) => line.split('\t')[0]);
    expect(await words('expl')).toEqual(['explain', '']);
    expect(await words('worker', 's')).toEqual(['show', '']);
    expect(await words('submit', '--gp')).toEqual(['--gpus', '--gpu-indices', '']);
    expect(await words('logs', 'compl')).toEqual(['completed-name', '']);
    for (const shell of ['bash', 'zsh', 'fish'])
      expect((await run('completion', shell)).out).toContain('__complete');
  });

  const usage = 2;
  const wrong: [string[], number, RegExp][] = [
    [[], usage, /Usage: drover/],
    [['subnit', 'x'], usage, /did you mean submit/],
    [['instance'], usage, /Usage: drover instance/],
    [['worker', 'lst'], usage, /did you mean list/],
    [['submit', '--nmae', 'x', 'true'], usage, /did you mean --name/],
    [['submit'], usage, /there is no command/],
    [['submit', 'python', '--lr', '3'], usage, /stand after --/],
    [['submit', '--cpus', '-1', 'true'], usage, /cpus/],
    [['submit', '--memory', '5XB', 'true'], usage, /512MiB/],
    [['submit', '--grace', 'soon', 'true'], usage, /500ms/],
    [['submit', '--label', 'x', 'true'], usage, /key=value/],
    [['submit', '--env', 'NO_SUCH_ONE', 'true'], usage, /no such variable/],
    [['submit', '--shared', '--exclusive', 'true'], usage, /cannot be used/],
    [['submit', '--gpu-indices', '0', 'true'], usage, /targetWorker/],
    [['submit', '--name', 'a/b', 'true'], usage, /name/],
    [['submit', '-c', '/nowhere/job.toml'], usage, /ENOENT/],
    [['submit', '--target-worker', 'nobody', 'true'], 3, /no worker nobody/],
    [['submit', '--wait', '--target-worker', 'nobody', 'true'], 125, /no worker nobody/],
    [['submit', '-f', '--bogus'], 125, /unknown option.*\n.*stand after --; "drover submit --help"/],
    [['token', 'list', '--bogus'], usage, /unknown option '--bogus'\nhint: "drover token list --help"/],
    [['submit', '-f', '--json', 'true'], 125, /standard output/],
    [['logs'], usage, /missing required argument/],
    [['logs', 'nothing'], 3, /no instance nothing/],
    [['logs', 'nothing', '--tail', '1', '--offset', '1'], usage, /cannot be used/],
    [['explain', 'nothing'], 3, /no instance nothing/],
    [['cancel', 'nothing', 'nobody'], 3, /no instance nobody/],
    [['ps', '--status', 'GONE'], usage, /PENDING/],
    [['ps', '--limit', 'x'], usage, /whole number/],
    [['ps', '--token', 'wrong'], 4, /token/],
    [['ps', '--head', 'http://127.0.0.1:1'], 5, /drover up/],
    [['ps', '--context', 'nowhere'], usage, /no context/],
    [['instance', 'delete', '--all'], usage, /-y/],
    [['instance', 'delete'], usage, /--all/],
    [['worker', 'delete', '--all-offline'], usage, /-y/],
    [['worker', 'delete', 'w1'], 1, /ONLINE/],
    [['join-token', 'delete', 'nothing'], 3, /no token nothing/],
    [['join-token', 'create', '--uses', '0'], usage, /whole number/],
    [['head', '--host', '0.0.0.0'], usage, /insecure-bind/],
    [['head', '--log-level', 'loud'], usage, /debug/],
    [['head', '--state', join(state, 'head'), '--port', '0'], 1, /in use by process/],
    [['worker', '--state', join(folder, 'w-bad'), '--gpus', 'many'], usage, /2xA100:80GB/],
    [['worker', '--state', join(folder, 'w-bad'), '--join-token', 'drvj_wrong'], 4, /join token/],
    [['config', 'use-context', 'nowhere'], 3, /set-context/],
    [['completion', 'tcsh'], usage, /fish/],
  ];
  it('answers wrong input with one line, a hint and the right code', async () => {
    // A few at a time: each is a process of its own.
    const left = [...wrong];
    const next = async (): Promise<void> => {
      for (let one = left.shift(); one; one = left.shift()) {
        const [args, code, message] = one;
        const ended = await run(...args);
        expect({ args, code: ended.code }).toEqual({ args, code });
        expect(ended.err).toMatch(message);
        expect(ended.err).not.toMatch(/\n\s+at /);
      }
    };
    await Promise.all([next(), next(), next(), next()]);
    const { err } = await run('logs', 'nothing', '--json');
    expect(err).toContain('--json');
    const asJson = await run('explain', 'nothing', '--json');
    expect(JSON.parse(asJson.err)).toMatchObject({ error: { code: 'INSTANCE_NOT_FOUND' } });
  });

  /** On a terminal of 20 columns. What it prints has the ends of line of a terminal. */
  const onTerminal = async (own: Vars, ...args: string[]): Promise<Ended> => {
    const line = `stty cols 20 rows 24; exec '${BIN}' ${args.join(' ')}`;
    const child = spawn('/bin/sh', ['-c', 'exec script -qec "$0" /dev/null', line], {
      env: environment({ ...vars, TERM: 'xterm', SHELL: '/bin/sh', ...own }),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return await endOf(child);
  };
  const ESCAPE = '\u001b';

  it('works without standard input, without a terminal, and with hardly any environment', async () => {
    const id = (await run('submit', '--name', 'plain', '--wait', 'true')).out.trim();
    const closed = spawn('/bin/sh', ['-c', 'exec "$0" ps -a --name plain <&-', BIN], {
      env: environment(vars),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = await endOf(closed);
    expect(ended).toMatchObject({ code: 0, err: '', out: expect.stringContaining(id.slice(0, 8)) });
    expect(ended.out).not.toContain(ESCAPE);
    const asked = spawn('/bin/sh', ['-c', 'exec "$0" instance delete --all <&-', BIN], {
      env: environment(vars),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    expect(await endOf(asked), 'nobody can be asked').toMatchObject({
      code: 2,
      err: expect.stringContaining('-y'),
    });
    const bare = spawn(BIN, ['ps', '-a', '--name', 'plain'], {
      env: { PATH: process.env.PATH ?? '', XDG_CONFIG_HOME: join(folder, 'config'), ...vars },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    /** Its age goes on from one call to the next. */
    const ageless = (table: string): string => table.replace(/ \d+[smh]+ /g, ' AGE ');
    const again = await endOf(bare);
    expect(again).toMatchObject({ code: 0, err: '' });
    expect(ageless(again.out)).toBe(ageless(ended.out));
  });

  it('fits a terminal of 20 columns, in colours unless NO_COLOR or TERM=dumb', async () => {
    await run('submit', '--name', 'a-name-that-is-long', '--wait', 'true');
    const args = ['ps', '-a', '--name', 'a-name-that-is-long'];
    const { code, out } = await onTerminal({}, ...args);
    expect([code, out]).toEqual([0, expect.stringContaining(ESCAPE)]);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours
    const lines = out.replaceAll(/\u001b\[[0-9;]*m/g, '').split('\r\n');
    expect(lines.length).toBeGreaterThan(1);
    for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(20);
    for (const own of [{ NO_COLOR: '1' }, { TERM: 'dumb' }] as Vars[]) {
      const plain = await onTerminal(own, ...args);
      expect([plain.code, plain.out.split('\r\n')]).toEqual([0, lines]);
    }
  });

  it.each([{ LC_ALL: 'C' }, { LC_ALL: '', LC_CTYPE: '', LANG: 'C' }, { LC_ALL: 'de_DE.ISO-8859-1' }])(
    'shows ASCII on a terminal of the locale %j, and bytes as they are elsewhere',
    async (locale) => {
      const own = locale as unknown as Vars;
      await run('submit', '--name', 'herd-é', '--wait', 'true');
      const { code, out } = await onTerminal({ ...own, NO_COLOR: '1' }, 'instance', 'show', 'herd-é');
      expect(code).toBe(0);
      expect(out).toContain('herd-');
      expect(out).toMatch(/^\p{ASCII}*$/u);
      const [piped] = JSON.parse(
        (await runWith({ ...vars, ...own }, 'ps', '-a', '--name', 'herd-é', '--json')).out,
      );
      expect(piped.name).toBe('herd-é');
      await run('instance', 'delete', 'herd-é');
    },
  );

  it('keeps contexts and says where settings come from', async () => {
    const own = { XDG_CONFIG_HOME: join(folder, 'contexts') };
    const { DROVER_HEAD = '', DROVER_TOKEN = '' } = vars;
    const tokenFile = join(state, 'head', 'admin.token');
    expect(
      (await runWith(own, 'config', 'set-context', 'here', '--url', DROVER_HEAD, '--token-file', tokenFile))
        .code,
    ).toBe(0);
    expect((await runWith(own, 'config', 'use-context', 'here')).code).toBe(0);
    expect((await runWith(own, 'ps')).code).toBe(0);
    const settings = JSON.parse((await runWith({ ...own, DROVER_TOKEN }, 'config', 'show', '--json')).out);
    expect(settings).toMatchObject({
      head: { value: DROVER_HEAD, source: expect.stringContaining('config.toml') },
      token: { value: 'set', source: 'env DROVER_TOKEN' },
      json: { value: 'true', source: 'flag' },
    });
    const path = (await runWith(own, 'config', 'path')).out.trim();
    writeFileSync(path, `${readFileSync(path, 'utf8')}[ps]\nlmit = 3\n`);
    expect(await runWith(own, 'ps')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/"lmit"[\s\S]*"limit"/),
    });
  });

  it('is the process that it names, and comes back by the same command line', async () => {
    const { out } = await run('submit', '--name', 'survivor', 'sleep 600');
    expect((await json<{ status: string }[]>('ps', '--name', 'survivor'))[0]?.status).toMatch(
      /ASSIGNED|RUNNING/,
    );
    worker.kill('SIGKILL');
    await once(worker, 'exit');
    worker = startWorker();
    expect((await firstLine(worker)).workerId).toBe(workerId);
    expect(await json('instance', 'show', out.trim())).toMatchObject({ attempt: 1 });
    await json('cancel', 'survivor', '--wait', '--grace', '1s');
  });

  it('ends within 10 s of SIGTERM whatever is connected', async () => {
    const follower = begin(['events', '-f'], vars);
    let heard = false;
    follower.stdout?.once('data', () => {
      heard = true;
    });
    while (!heard) await run('submit', '--wait', 'true');
    const stray = begin([
      'worker',
      '--state',
      join(state, 'stray'),
      '--head',
      'http://127.0.0.1:1',
      '--join-token',
      'x',
    ]);
    children.push(stray);
    await once(stray.stderr as NonNullable<typeof stray.stderr>, 'data');
    const began = performance.now();
    for (const child of [stray, worker, head]) {
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
      expect(child.exitCode).toBe(0);
    }
    expect(performance.now() - began).toBeLessThan(10_000);
    follower.kill('SIGKILL');
  });
});

describe('a herd of this machine', () => {
  const own: Vars = { DROVER_STATE: join(folder, 'herd') };
  const run = async (...args: string[]): Promise<Ended> => await runWith(own, ...args);

  afterAll(async () => {
    await run('down', '--grace', '1s');
    rmSync(folder, { recursive: true, force: true });
  });

  it('comes up, is mended, is found, and goes without a trace', async () => {
    const first = await run('up', '--port', '0', '--workers', '2', '--cpus', '4', '--json');
    expect(first).toMatchObject({ code: 0, err: '' });
    const herd = JSON.parse(first.out) as {
      url: string;
      tokenFile: string;
      pid: number;
      workers: { pid: number }[];
    };
    expect(existsSync(herd.tokenFile)).toBe(true);
    expect(herd.workers.length).toBe(2);
    expect((await run('up')).out.match(/runs already/g)?.length).toBe(3);

    const stubborn = await run('submit', 'trap "" TERM; while :; do sleep 0.1; done');
    expect(stubborn.code).toBe(0);
    for (const pid of [herd.pid, herd.workers[0]?.pid ?? 0]) process.kill(pid, 'SIGKILL');
    const again = await run('up');
    expect(again.out).toContain(herd.url);
    expect(again.out.match(/ started /g)?.length).toBe(2);
    expect((await run('submit', '-f', 'echo $((6 * 7))')).out).toBe('42\n');

    const down = await run('down', '--grace', '100ms', '--json');
    expect(JSON.parse(down.out)).toMatchObject({ instances: 1, problems: [] });
    expect(down.code).toBe(0);
    expect(processesWith(join(folder, 'herd'))).toEqual([]);
    expect(await run('down')).toMatchObject({ code: 0, out: 'nothing of Drover runs here\n' });
    expect((await run('ps')).code).toBe(5);
  });

  it('comes up and goes whatever project the shell is set up for, and stays bound where it is', async () => {
    const shell = { ...own, DROVER_PROJECT: 'of-another-head' };
    const first = await runWith(shell, 'up', '--port', '0', '--json');
    expect(first).toMatchObject({ code: 0, err: '' });
    expect((await run('submit', 'exec sleep 600')).code).toBe(0);
    const wished = await run('up', '--host', '0.0.0.0');
    expect(wished.err).toContain(
      'for --host 0.0.0.0 (it is bound to 127.0.0.1): "drover down", then this again',
    );
    expect((await run('up', '--host', '127.0.0.1')).err).toBe('');
    const { url } = JSON.parse(first.out) as { url: string };
    const token = await run('join-token', 'create', '--json');
    expect(JSON.parse(token.out).command).toContain(`--head ${url} `);
    const down = await runWith(shell, 'down', '--grace', '100ms', '--json');
    expect(JSON.parse(down.out)).toMatchObject({ instances: 1, problems: [] });
    expect(processesWith(join(folder, 'herd'))).toEqual([]);
  });

  it('says what it cannot do when the head is dead', async () => {
    const { out } = await run('up', '--port', '0', '--json');
    const herd = JSON.parse(out) as { pid: number };
    process.kill(herd.pid, 'SIGKILL');
    const down = await run('down');
    expect(down).toMatchObject({ code: 1, err: expect.stringContaining('the head is dead') });
    expect(processesWith(join(folder, 'herd'))).toEqual([]);
  });
});
