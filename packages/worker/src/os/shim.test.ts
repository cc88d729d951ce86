/** Which shim is taken, attempts that change from one to the other, and what the loss of a process around them does. */
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { arch, platform, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nativeShim, SHELL_SHIM } from '../shim/testing.ts';
import { commandLineOf, isAlive, readStat } from './process.ts';
import { chooseShim, wishFrom } from './shim-choice.ts';
import { Bench, orderFor, textOf, until } from './testing.ts';

const { path: native, why } = nativeShim();
let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});
afterEach(() => bench.dispose());

describe('the choice', () => {
  let dir: string;
  let shell: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'drover-choice-'));
    shell = join(dir, 'node_modules/drover/dist/shim.sh');
    mkdirSync(dirname(shell), { recursive: true });
    copyFileSync(SHELL_SHIM, shell);
  });
  afterEach(() => rmSync(dir, { recursive: true }));
  const program = (path: string, text: string) => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    chmodSync(path, 0o755);
  };
  const good = "#!/bin/sh\necho 'drover-shim 1'\n";

  test('is shim.sh where there is no other, with what that costs', () => {
    expect(chooseShim(shell, 'auto')).toMatchObject({ kind: 'sh', path: shell });
    expect(chooseShim(shell, 'auto').notes.join()).toMatch(/signal.*truncates.*cap.*daemon/);
    expect(() => chooseShim(shell, 'native')).toThrow('no native shim: none was built');
  });

  test('is the one of the platform package, before the one beside shim.sh', () => {
    const beside = join(dirname(shell), 'drover-shim');
    const packaged = join(dir, 'node_modules/@drover', `shim-${platform()}-${arch()}`, 'drover-shim');
    program(beside, good);
    expect(chooseShim(shell, 'auto')).toEqual({ kind: 'native', path: beside, notes: [] });
    program(packaged, good);
    expect(chooseShim(shell, 'auto').path).toBe(packaged);
    expect(chooseShim(shell, 'sh').path).toBe(shell);
  });

  test.each([
    ['of another protocol', "#!/bin/sh\necho 'drover-shim 2'\n", 'it says "drover-shim 2\\n"'],
    ['of another machine', '\u007fELF', 'it ended with'],
    ['that fails', '#!/bin/sh\nexit 1\n', 'it ended with 1'],
  ])('is not one %s, which is said', (_, text, problem) => {
    program(join(dirname(shell), 'drover-shim'), text);
    const { kind, notes } = chooseShim(shell, 'auto');
    expect(kind).toBe('sh');
    expect(notes.at(-1)).toContain(problem);
  });

  test('can be forced by a variable', () => {
    expect([wishFrom(undefined), wishFrom(''), wishFrom('sh')]).toEqual(['auto', 'auto', 'sh']);
    expect(() => wishFrom('bash')).toThrow('DROVER_SHIM is auto, native, sh; not "bash"');
  });
});

describe('with the native shim', () => {
  beforeEach((context) => {
    if (native === null) context.skip(why);
  });

  test.each([
    ['sh', 'native'],
    ['native', 'sh'],
  ] as const)('attempts begun under %s are taken up by a worker with %s', async (before, after) => {
    const first = await bench.open({ shim: before });
    const cap = { logCapBytes: 1024 * 1024 };
    const [ended, runs] = [
      orderFor('seq 1 300000; exit 4', cap),
      orderFor(`trap 'echo bye; exit 5' TERM; seq 1 300000; echo on; while :; do sleep 0.01; done`, cap),
    ];
    await bench.run(first, ended);
    const { pid } = await bench.launch(first, runs);
    await until('on', async () => (await textOf(first, runs)).endsWith('on\n'));
    const log = await textOf(first, ended);
    const extent = await first.logExtent(ended);
    await first.close();
    const second = await bench.open({ shim: after });
    const found = new Map((await second.scan()).map((each) => [each.instance, each]));
    expect(found.get(ended.instance)).toMatchObject({ state: 'ended', exit: { code: 4 } });
    expect(found.get(runs.instance)).toMatchObject({ state: 'running', pid });
    expect(await second.logExtent(ended)).toEqual(extent);
    expect(await textOf(second, ended)).toBe(log);
    expect(log.slice(0, -1).split('\n').slice(-2)).toEqual(['299999', '300000']);
    await second.signal(runs, 'SIGTERM');
    expect(await bench.end(runs)).toMatchObject({ code: 5 });
    await until('empty', () => second.isEmpty(runs));
    expect(await textOf(second, runs)).toMatch(/on\n(.*\n)?bye\n$/);
    for (const order of [ended, runs]) {
      await second.release(order);
      await second.remove(order);
    }
    expect(await second.scan()).toEqual([]);
  });

  test('when the spawner dies, ends are told all the same, and new attempts begin', async () => {
    const machine = await bench.open({ shim: 'native' });
    const go = join(bench.dir, 'go');
    const order = orderFor(`until [ -e ${go} ]; do sleep 0.01; done; exit 6`);
    const lost = orderFor('sleep 600');
    const { pid } = await bench.launch(machine, order);
    const other = await bench.launch(machine, lost);
    const spawner = readStat(readStat(pid)?.parent ?? 0);
    expect(commandLineOf(spawner?.pid ?? 0)).toContain('--serve');
    process.kill(spawner?.pid ?? 0, 'SIGKILL');
    await until('it is gone', () => spawner !== null && !isAlive(spawner));
    const next = orderFor(`touch ${go}; exit 7`);
    await bench.launch(machine, next);
    expect(await bench.end(next)).toMatchObject({ code: 7 });
    expect(await bench.end(order)).toMatchObject({ code: 6 });
    process.kill(other.pid, 'SIGKILL');
    expect(await bench.end(lost)).toMatchObject({ reason: { code: 'SUPERVISOR_LOST' } });
    expect(bench.ends.get(order.instance)).toHaveLength(1);
  });

  test('a daemon that drops its environment and its session is found without cgroups, and ended', async () => {
    const machine = await bench.open({ shim: 'native', useCgroups: false });
    const order = orderFor('env -i setsid sh -c "echo \\$\\$; exec sleep 600" & wait -n; exit 0');
    await bench.launch(machine, order);
    const pid = await until('pid', async () => Number((await textOf(machine, order)).trim()) || null);
    await machine.signal(order, 'SIGTERM');
    await bench.end(order);
    await until('empty', () => machine.isEmpty(order));
    expect(readStat(pid)).toBeNull();
  });

  test('P10: what a killed shim adopted can still be ended', async () => {
    const machine = await bench.open({ shim: 'native' });
    const order = orderFor('setsid sleep 600 & echo $!; exec sleep 600');
    const { pid } = await bench.launch(machine, order);
    const daemon = await until('pid', async () => Number((await textOf(machine, order)).trim()) || null);
    process.kill(pid, 'SIGKILL');
    expect(await bench.end(order)).toMatchObject({ code: null, reason: { code: 'SUPERVISOR_LOST' } });
    await machine.signal(order, 'SIGKILL');
    await until('empty', () => machine.isEmpty(order));
    expect(['Z', undefined]).toContain(readStat(daemon)?.state);
  });
});

test('the offer says which shim it is, and what shim.sh costs', async () => {
  const { supervision } = await bench.open({ shim: 'sh' });
  expect(supervision.shim).toBe('sh');
  expect(supervision.notes.join()).toContain('a command that truncates its own output cuts its log');
  if (native !== null) {
    const other = await bench.open({ shim: 'native' });
    expect(other.supervision.shim).toBe('native');
    expect(other.supervision.notes.join()).not.toContain('shim.sh');
  }
  expect(existsSync(SHELL_SHIM)).toBe(true);
});
