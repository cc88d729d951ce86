import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readStarted } from '../os/folder.ts';
import { until } from '../os/testing.ts';

const SHIM = fileURLToPath(new URL('shim.sh', import.meta.url));
/** Each in the words with which it runs a script. */
const SHELLS = [
  ['sh'],
  ['dash'],
  ['bash'],
  ['bash', '--posix'],
  ['busybox', 'sh'],
  ['mksh'],
  ['zsh', '--emulate', 'sh'],
].filter(([name]) => spawnSync(name ?? '', ['-c', 'true'], { stdio: 'ignore' }).error === undefined);

describe.each(SHELLS.map((words) => [words.join(' '), words] as const))(
  'shim.sh under %s',
  (_, [shell = 'sh', ...options]) => {
    let dir: string;
    let entry: string;
    beforeEach(() => {
      entry = '';
      dir = mkdtempSync(join(tmpdir(), "a shim's $dir "));
    });
    afterEach(() => rmSync(dir, { recursive: true, force: true }));

    const start = (...argv: string[]) =>
      spawn(shell, [...options, SHIM, dir, entry, '', ...argv], { detached: true, stdio: 'ignore' });
    const run = (...argv: string[]): Promise<number | null> =>
      new Promise((resolve) => start(...argv).once('exit', (code) => resolve(code)));
    const read = (name: string): string => readFileSync(join(dir, name), 'utf8');

    test('records the start and the end, and keeps both streams', async () => {
      expect(await run('bash', '-c', 'echo out; echo err >&2; exit 7')).toBe(0);
      expect(read('exit')).toBe('exit 7 end\n');
      expect(read('log.0')).toBe('out\nerr\n');
      expect(readStarted(dir)).toMatchObject({ by: 'shim' });
    });

    test('begins an attempt once', async () => {
      await run('sh', '-c', 'echo once');
      expect(await run('sh', '-c', 'echo once')).toBe(121);
      expect(read('log.0')).toBe('once\n');
    });

    test('passes arguments as they are, and no variable of its own', async () => {
      await run('printf', '%s|', 'a b', '', '$x', '\\', '*', "'");
      expect(read('log.0')).toBe("a b||$x|\\|*|'|");
      for (const name of ['started', 'log.0', 'exit']) rmSync(join(dir, name));
      await run('env');
      expect(read('log.0')).not.toContain('DROVER_');
    });

    test.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1'] as const)(
      'outlives %s to its group',
      async (signal) => {
        const child = start('sh', '-c', 'echo on; exec sleep 600');
        const ended = new Promise((resolve) => child.once('exit', resolve));
        await until('on', () => spawnSync('cat', [join(dir, 'log.0')]).stdout.toString() === 'on\n');
        process.kill(-(child.pid ?? 0), signal);
        await ended;
        const number = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGUSR1: 10, SIGTERM: 15 }[signal];
        expect(read('exit')).toBe(`exit ${128 + number} end\n`);
      },
    );

    test('refuses to run outside a cgroup that it was told to enter', async () => {
      entry = '/no/such/cgroup.procs';
      await run('echo', 'ran');
      expect(read('exit')).toBe('exit 125 end\n');
      expect(read('log.0')).not.toContain('ran\n');
    });
  },
);
