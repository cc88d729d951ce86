import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LaunchError } from '../agent/ports.ts';
import type { OsWorkerMachine } from './create.ts';
import { readStat } from './process.ts';
import { Bench, orderFor, textOf, until, VARIANTS } from './testing.ts';

describe.each(VARIANTS)('a machine, shim $shim, cgroups used: $useCgroups', (variant) => {
  let bench: Bench;
  let machine: OsWorkerMachine;
  beforeEach(async () => {
    bench = new Bench();
    machine = await bench.open(variant);
  });
  afterEach(() => bench.dispose());

  test('tells exit codes, and signals as 128+n, with their names where the shim tells them', async () => {
    for (const [command, code, name] of [
      ['exit 0', 0, null],
      ['exit 7', 7, null],
      ['exit 137', 137, null],
      ['kill -TERM $$', 143, 'SIGTERM'],
      ['kill -KILL $$', 137, 'SIGKILL'],
      ['kill -ABRT $$', 134, 'SIGABRT'],
      ['kill -RTMIN $$', 162, 'SIG34'],
    ] as const) {
      const { end } = await bench.run(machine, orderFor(command));
      const signal = variant.shim === 'native' ? name : null;
      expect({ command, ...end }).toMatchObject({ command, code, signal, reason: null });
      expect(Math.abs(end.atMs - Date.now())).toBeLessThan(10_000);
    }
  });

  test('a command has the defaults of every signal and an empty standard input', async () => {
    const { log } = await bench.run(
      machine,
      orderFor(['sh', '-c', 'grep SigIgn /proc/$$/status; cat; echo end']),
    );
    expect(log).toMatch(/^SigIgn:\s+0+\nend\n$/);
  });

  test('an argument list arrives byte for byte, but for the port', async () => {
    const odd = [
      '$HOME',
      '$(id)',
      'a$1',
      `"'\\`,
      '`ls`',
      '',
      ' ',
      '*',
      'a\nb',
      '-n',
      'é€',
      '$PORTAL',
      '%s',
      ';',
      '&&',
    ];
    const order = orderFor(['printf', '[%s]', ...odd, '$PORT', 'x${PORT}y', '$PORT-$PORT']);
    await bench.launch(machine, order);
    await bench.end(order);
    const { port } = (await machine.scan())[0] ?? {};
    expect(await textOf(machine, order)).toBe(
      [...odd, `${port}`, `x${port}y`, `${port}-${port}`].map((part) => `[${part}]`).join(''),
    );
  });

  test('a name of a shell builtin in a list is the program of that name', async () => {
    expect((await bench.run(machine, orderFor(['exit', '3']))).end.code).toBe(127);
    expect((await bench.run(machine, orderFor(['true']))).end.code).toBe(0);
    expect((await bench.run(machine, orderFor(['echo', '\\061']))).log).toBe('\\061\n');
  });

  test('a program that is not there is 127, with a message in the log', async () => {
    const { end, log } = await bench.run(machine, orderFor(['no-such-program-here']));
    expect(end).toMatchObject({ code: 127, reason: null });
    expect(log).toContain('no-such-program-here');
  });

  test('a string runs in bash, with its comment', async () => {
    const { end, log } = await bench.run(machine, orderFor('a=(1 2); echo "${a[1]} $PORT" >&2 # the port'));
    expect(end.code).toBe(0);
    expect(log).toMatch(/^2 \d+\n$/);
  });

  test('the environment says who and where it is', async () => {
    const order = orderFor('env; pwd', {
      name: 'web',
      attempt: 3,
      env: { A: 'x y', PORT: '1', IFS: 'q', start: 's' },
    });
    const { log } = await bench.run(machine, order);
    const lines = log.split('\n');
    expect(lines).toContain(`DROVER_INSTANCE_ID=${order.instance}`);
    expect(lines).toContain('DROVER_INSTANCE_NAME=web');
    expect(lines).toContain('DROVER_ATTEMPT=3');
    expect(lines).toContain('A=x y');
    expect(lines).toContain('start=s');
    expect(lines).toContain('CUDA_VISIBLE_DEVICES=');
    expect(lines).not.toContain('PORT=1');
    expect(lines).toContain(join(bench.dir, 'instances', `${order.instance}.3`, 'work'));
    expect(lines.filter((line) => /^DROVER_/.test(line))).toHaveLength(3);
  });

  test('it has a session of its own', async () => {
    const order = orderFor(['sleep', '600']);
    const { pid } = await bench.launch(machine, order);
    // A forked shim makes its session before it begins the command, not before its number is known.
    await until('its session', () => readStat(pid)?.session === pid);
    const { log } = await bench.run(
      machine,
      orderFor(`cut -d' ' -f6 /proc/${pid}/stat /proc/${process.pid}/stat`),
    );
    const [theirs, ours] = log.trim().split('\n');
    expect(theirs).toBe(String(pid));
    expect(ours).not.toBe(theirs);
  });

  test('a virtual environment is activated, whatever its name', async () => {
    const venv = mkdtempSync(join(tmpdir(), "a venv's $HOME "));
    mkdirSync(join(venv, 'bin'));
    writeFileSync(join(venv, 'bin', 'activate'), `export ACTIVE=yes\n`);
    expect((await bench.run(machine, orderFor('echo $ACTIVE', { venv }))).log).toBe('yes\n');
    const list = orderFor(['sh', '-c', 'echo "$ACTIVE $1"', 'x', 'a b'], { venv });
    expect((await bench.run(machine, list)).log).toBe('yes a b\n');
    rmSync(venv, { recursive: true });
  });

  test('a folder or virtual environment that is not there fails the start and leaves nothing', async () => {
    const noVenv = machine.launch(orderFor('true', { venv: '/no/such' }));
    await expect(noVenv).rejects.toMatchObject({ code: 'VENV_NOT_FOUND' });
    const noFolder = machine.launch(orderFor('true', { workdir: '/no/such' }));
    await expect(noFolder).rejects.toMatchObject({ code: 'WORKDIR_NOT_FOUND' });
    await expect(noFolder).rejects.toBeInstanceOf(LaunchError);
    await expect(machine.launch(orderFor('x'.repeat(300_000)))).rejects.toMatchObject({
      code: 'START_FAILED',
    });
    expect(await machine.scan()).toEqual([]);
  });

  test('it runs in the folder that is asked for', async () => {
    expect((await bench.run(machine, orderFor('pwd; echo $PWD', { workdir: '/usr' }))).log).toBe(
      '/usr\n/usr\n',
    );
  });

  test('asked for twice it starts once', async () => {
    const order = orderFor('echo once; sleep 600');
    const [a, b] = await Promise.all([bench.launch(machine, order), machine.launch(order)]);
    expect(a).toEqual(b);
    expect(await machine.launch(order)).toEqual(a);
    await until('its log', async () => (await machine.logExtent(order)).size > 0);
    expect(await textOf(machine, order)).toBe('once\n');
  });

  test('a port is held while something listens on it', async () => {
    const order = orderFor(
      `exec node -e "require('net').createServer().listen(process.env.PORT, () => console.log('on'))"`,
    );
    const { port } = await bench.launch(machine, order);
    await until('listening', async () => (await textOf(machine, order)) === 'on\n');
    await new Promise<void>((resolve, reject) => {
      const probe = createServer();
      probe.once('error', () => resolve());
      probe.listen(port, () => probe.close(() => reject(new Error('nobody listens'))));
    });
    expect(await machine.isEmpty(order)).toBe(false);
    await machine.signal(order, 'SIGTERM');
    expect((await bench.end(order)).code).toBe(143);
    await until('empty', () => machine.isEmpty(order));
    await until('released', () => machine.isReleased(order));
  });

  test('the record and the log go only when they are removed', async () => {
    const order = orderFor('echo kept');
    await bench.run(machine, order);
    await machine.release(order);
    await machine.release(order);
    expect(await textOf(machine, order)).toBe('kept\n');
    await machine.remove(order);
    expect(await machine.scan()).toEqual([]);
    expect(await machine.logExtent(order)).toEqual({ available: 0, size: 0 });
  });
});
