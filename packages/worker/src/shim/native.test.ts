/** What the native shim does beyond the contract. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { segmentsIn } from '../os/folder.ts';
import { childrenOf, commandLineOf, isAlive, readStat, variableOf } from '../os/process.ts';
import { Spawner, SpawnerLost } from '../os/spawner.ts';
import { until } from '../os/testing.ts';
import { nativeShim } from './testing.ts';

const { path, why } = nativeShim();
const SHIM = path ?? '';
let dir: string;
beforeEach((context) => {
  if (path === null) context.skip(why);
  dir = mkdtempSync(join(tmpdir(), 'drover-native-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));
const log = (of: string): string =>
  segmentsIn(of)
    .map((segment) => readFileSync(segment.path, 'latin1'))
    .join('');

describe('the native shim', () => {
  test('says its version, and refuses words that it does not know', () => {
    expect(spawnSync(SHIM, ['--version'], { encoding: 'utf8' }).stdout).toBe('drover-shim 1\n');
    expect(spawnSync(SHIM, ['--pty', '0x0', dir, '', '', '1', 'true']).status).toBe(2);
    expect(spawnSync(SHIM, [dir, '', '', '1']).status).toBe(2);
  });

  test('gives a terminal of the size that is asked for', () => {
    const ask =
      'for fd in 0 1 2; do [ -t $fd ] && echo yes; done; stty size; tty; echo to the terminal >/dev/tty';
    expect(spawnSync(SHIM, ['--pty', '24x101', dir, '', '', '65536', 'sh', '-c', ask]).status).toBe(0);
    expect(log(dir)).toMatch(/^yes\r\nyes\r\nyes\r\n24 101\r\n\/dev\/pts\/\d+\r\nto the terminal\r\n$/);
    expect(readFileSync(join(dir, 'exit'), 'utf8')).toBe('exit 0 end\n');
  });

  test('takes little memory, also after a large log', async () => {
    const child = spawn(
      SHIM,
      [dir, '', '', '1000000', 'sh', '-c', 'head -c 5000000 /dev/zero; exec sleep 600'],
      {
        stdio: 'ignore',
        detached: true,
      },
    );
    await until('all is written', () => {
      const last = segmentsIn(dir).at(-1);
      return last !== undefined && last.first + readFileSync(last.path).length === 5_000_000;
    });
    const own = /^Private_Dirty:\s+(\d+) kB/m.exec(readFileSync(`/proc/${child.pid}/smaps_rollup`, 'utf8'));
    expect(Number(own?.[1])).toBeLessThan(512);
    const gone = new Promise((resolve) => child.once('exit', resolve));
    process.kill(-(child.pid ?? 0), 'SIGTERM');
    await gone;
  });
});

describe('the spawner', () => {
  const told: string[] = [];
  const events = {
    exited: () => told.push('exited'),
    gone: () => told.push('gone'),
    orphaned: () => told.push('orphaned'),
  };
  const env = { PATH: process.env.PATH ?? '', DROVER_INSTANCE_ID: 'an-id', DROVER_ATTEMPT: '7', A: 'b' };
  const start = (spawner: Spawner, name: string, ...argv: string[]) => {
    mkdirSync(join(dir, name));
    return spawner.start([join(dir, name), '', '', '65536', ...argv], env, dir, events);
  };
  let spawner: Spawner;
  beforeEach(() => {
    told.length = 0;
    spawner = new Spawner(SHIM);
  });
  afterEach(() => spawner.close());
  const kill = (pid: number) => process.kill(-pid, 'SIGTERM');

  test('starts a shim that looks as if it had been started by itself', async () => {
    const pid = await start(spawner, 'a', 'sh', '-c', 'pwd; echo $A; env | grep -c ROOM; exec sleep 600');
    await until('log', () => log(join(dir, 'a')) === `${dir}\nb\n0\n`);
    expect((commandLineOf(pid) ?? '').split('\0').slice(0, 3)).toEqual([SHIM, join(dir, 'a'), '']);
    expect(variableOf(pid, 'DROVER_INSTANCE_ID')).toBe('an-id');
    expect(variableOf(pid, 'ROOM')).toBeNull();
    expect(readStat(pid)).toMatchObject({ session: pid, group: pid });
    kill(pid);
    await until('told', () => told.length > 0);
    expect(told).toEqual(['gone']);
    expect(readStat(pid)).toBeNull();
  });

  test('tells the end of a command whose daemon lives on', async () => {
    const pid = await start(spawner, 'a', 'sh', '-c', 'setsid sleep 600 & echo $!');
    await until('told', () => told.length > 0);
    expect([told, readFileSync(join(dir, 'a', 'exit'), 'utf8')]).toEqual([['exited'], 'exit 0 end\n']);
    expect(readStat(pid)).not.toBeNull();
    process.kill(Number.parseInt(log(join(dir, 'a')), 10), 'SIGKILL');
    await until('gone', () => told.includes('gone'));
  });

  test('refuses what cannot be started', async () => {
    await expect(start(spawner, 'a', 'x'.repeat(200_000))).rejects.toMatchObject({ code: 'START_FAILED' });
    await expect(start(spawner, 'b', 'a\0b')).rejects.toMatchObject({ code: 'START_FAILED' });
    await expect(spawner.start([dir, '', '', '1', 'true'], env, '/no/such', events)).rejects.toThrow(
      'ENOENT',
    );
  });

  test('takes many large orders at once', async () => {
    const large = 'x'.repeat(100_000);
    const names = Array.from({ length: 30 }, (_, index) => `at-${index}`);
    await Promise.all(names.map((name) => start(spawner, name, 'sh', '-c', 'echo ${#0}', large)));
    await until('all gone', () => told.length === names.length);
    expect(names.map((name) => log(join(dir, name)))).toEqual(names.map(() => '100000\n'));
  });

  test('when it dies its shims go on, it is said, and the next order starts another', async () => {
    const pid = await start(spawner, 'a', 'sh', '-c', 'until [ -e go ]; do sleep 0.01; done; exit 3');
    const shim = readStat(pid);
    const parent = shim?.parent ?? 0;
    expect(commandLineOf(parent)).toContain('--serve');
    process.kill(parent, 'SIGKILL');
    await until('told', () => told.length > 0);
    expect(told).toEqual(['orphaned']);
    expect(shim !== null && isAlive(shim)).toBe(true);
    await start(spawner, 'b', 'touch', join(dir, 'go'));
    await until('end of the orphan', () => {
      const end = spawnSync('cat', [join(dir, 'a', 'exit')], { encoding: 'utf8' }).stdout;
      return end === 'exit 3 end\n';
    });
  });

  test('after its own end it takes no order', async () => {
    spawner.close();
    await expect(start(spawner, 'a', 'true')).rejects.toBeInstanceOf(SpawnerLost);
  });

  test('it ends with its worker, and its shims do not', { timeout: 40_000 }, async () => {
    const script = `
      import { Spawner } from ${JSON.stringify(new URL('../os/spawner.ts', import.meta.url).href)};
      const none = () => {};
      const pid = await new Spawner(${JSON.stringify(SHIM)}).start([${JSON.stringify(dir)}, '', '', '65536', 'sleep', '600'],
        { PATH: process.env.PATH }, '/', { exited: none, gone: none, orphaned: none });
      console.log(pid);
      setInterval(none, 1000);`;
    const worker: ChildProcess = spawn(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '-e', script],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    let said = '';
    worker.stdout?.on('data', (chunk: Buffer) => {
      said += chunk;
    });
    const pid = await until('pid', () => Number(said) || null, 30_000);
    const parent = readStat(readStat(pid)?.parent ?? 0);
    worker.kill('SIGKILL');
    await until('the spawner has ended', () => parent !== null && !isAlive(parent));
    expect(readStat(pid)?.state).toMatch(/[SR]/);
    await until('its command', () => childrenOf(pid)?.length === 1);
    kill(pid);
    await until(
      'end',
      () => spawnSync('cat', [join(dir, 'exit')], { encoding: 'utf8' }).stdout === 'signal 15 end\n',
    );
  });
});
