/** What every shim does, and what only some can: one suite for all of them, with real processes. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readStarted, segmentsIn } from '../os/folder.ts';
import { childrenOf, readStat } from '../os/process.ts';
import { until } from '../os/testing.ts';
import { smallDisk } from './testing.ts';

export interface ShimUnderTest {
  readonly name: string;
  /** Its program and the words before DIR. */
  readonly program: readonly string[];
  readonly can: {
    /** Tells a death by a signal from an exit code above 128. */
    readonly tellSignals: boolean;
    /** Adopts what outlives its parent, and stays until the last of it has ended. */
    readonly adopt: boolean;
    /** Keeps the log under its cap, in segments, and whatever the command does to its output. */
    readonly ownLog: boolean;
  };
}

const CAP = 1024 * 1024;
const NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGUSR1: 10, SIGTERM: 15 } as const;

export function shimContract({ name, program, can }: ShimUnderTest): void {
  describe(`the shim contract: ${name}`, () => {
    let dir: string;
    let child: ChildProcess | null = null;
    beforeEach(() => {
      dir = mkdtempSync(join(tmpdir(), "a shim's $dir "));
    });
    afterEach(() => {
      // With what it runs: a test that failed must leave nothing behind.
      if (child?.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
      child = null;
      rmSync(dir, { recursive: true, force: true });
    });

    const env = Object.fromEntries(
      Object.entries(process.env).filter(([key]) => !key.startsWith('DROVER_')),
    ) as NodeJS.ProcessEnv;
    const start = (argv: readonly string[], options: { entry?: string; oom?: string } = {}): ChildProcess => {
      const [file = '', ...words] = program;
      const all = [...words, dir, options.entry ?? '', options.oom ?? '', String(CAP), ...argv];
      child = spawn(file, all, { detached: true, stdio: 'ignore', env });
      return child;
    };
    const over = (process: ChildProcess): Promise<number | null> =>
      new Promise((resolve) => process.once('exit', (code) => resolve(code)));
    const run = (...argv: string[]): Promise<number | null> => over(start(argv));
    const read = (file: string): string => readFileSync(join(dir, file), 'utf8');
    const log = (): string =>
      segmentsIn(dir)
        .map(({ path }) => readFileSync(path, 'latin1'))
        .join('');
    const ended = (code: number): string =>
      can.tellSignals && code > 128 ? `signal ${code - 128} end\n` : `exit ${code} end\n`;
    const written = (text: string) => until(`the log has ${text}`, () => log().includes(text));
    const hasExit = () =>
      until('exit', () => readdirSync(dir).includes('exit') && read('exit').endsWith('end\n'));

    test('records the start and the end, and keeps both streams in order', async () => {
      expect(await run('bash', '-c', 'echo out; echo err >&2; exit 7')).toBe(0);
      expect(read('exit')).toBe('exit 7 end\n');
      expect(log()).toBe('out\nerr\n');
      expect(readStarted(dir)).toMatchObject({ by: 'shim' });
    });

    test('begins an attempt once', async () => {
      await run('sh', '-c', 'echo once');
      expect(await run('sh', '-c', 'echo once')).toBe(121);
      expect(log()).toBe('once\n');
    });

    test('passes arguments as they are, and no variable of its own', async () => {
      await run('printf', '%s|', 'a b', '', '$x', '\\', '*', "'");
      expect(log()).toBe("a b||$x|\\|*|'|");
      for (const file of readdirSync(dir)) rmSync(join(dir, file));
      await run('env');
      expect(log()).not.toContain('DROVER_');
    });

    test('gives the defaults of every signal, an empty input, and its score for the out-of-memory killer', async () => {
      const ask = 'grep -E "Sig(Blk|Ign)" /proc/self/status; cat; cat /proc/self/oom_score_adj';
      await over(start(['sh', '-c', ask], { oom: '500' }));
      expect(log()).toMatch(/^SigBlk:\s+0+\nSigIgn:\s+0+\n500\n$/);
    });

    test('tells a program that is not there, or is none', async () => {
      await run('no-such-program');
      expect(read('exit')).toBe('exit 127 end\n');
      expect(log()).toContain('no-such-program');
      for (const file of readdirSync(dir)) rmSync(join(dir, file));
      await run('/');
      expect(read('exit')).toBe('exit 126 end\n');
    });

    test(`${can.tellSignals ? 'tells' : 'does not tell'} a death by a signal from an exit code`, async () => {
      await run('sh', '-c', 'kill -9 $$');
      expect(read('exit')).toBe(can.tellSignals ? 'signal 9 end\n' : 'exit 137 end\n');
      for (const file of readdirSync(dir)) rmSync(join(dir, file));
      await run('sh', '-c', 'exit 137');
      expect(read('exit')).toBe('exit 137 end\n');
    });

    test.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1'] as const)(
      'outlives %s to its group',
      async (signal) => {
        const shim = start(['sh', '-c', 'echo on; exec sleep 600']);
        const gone = over(shim);
        await written('on\n');
        process.kill(-(shim.pid ?? 0), signal);
        await gone;
        expect(read('exit')).toBe(ended(128 + NUMBERS[signal]));
      },
    );

    test('refuses to run outside a cgroup that it was told to enter', async () => {
      await over(start(['echo', 'ran'], { entry: '/no/such/cgroup.procs' }));
      expect(read('exit')).toBe('exit 125 end\n');
      expect(log()).not.toContain('ran\n');
    });

    test.each(['a folder', 'a pipe', 'a link'])('takes away %s at the place of the end', async (what) => {
      const path = join(dir, 'exit');
      if (what === 'a folder') mkdirSync(join(path, 'deep'), { recursive: true });
      else if (what === 'a pipe') spawnSync('mkfifo', [path]);
      else symlinkSync('/dev/null', path);
      await run('sh', '-c', 'exit 3');
      expect(read('exit')).toBe('exit 3 end\n');
    });

    test('D2: a full disk delays the end and does not lose it', async (context) => {
      const disk = smallDisk(dir);
      if (disk === null) return context.skip('no tmpfs can be mounted here');
      try {
        const go = join(disk.outside, 'go');
        const count = 9000;
        const shim = start([
          'sh',
          '-c',
          `until [ -e "$0" ]; do sleep 0.01; done; seq -w ${count}; touch "$0.done"; exit 5`,
          go,
        ]);
        const gone = over(shim);
        await until('started', () => readStarted(dir).by === 'shim');
        disk.fill();
        writeFileSync(go, '');
        await until('the command is at its end', () => existsSync(`${go}.done`));
        disk.free();
        await gone;
        expect(read('exit')).toBe('exit 5 end\n');
        if (!can.ownLog) return;
        // What still waited in the pipe when there was room again is kept; of the rest the log says how much it was.
        const marks = [...log().matchAll(/\[drover: (\d+) bytes of log lost: no space\]\n/g)];
        const lost = marks.reduce((sum, [, bytes]) => sum + Number(bytes), 0);
        const kept = log().replaceAll(/\n?\[drover: \d+ bytes of log lost: no space\]\n/g, '').length;
        // A mark stands on a line of its own: the line end before it may be the command's.
        expect(count * 5 - kept - lost).toBeGreaterThanOrEqual(0);
        expect(count * 5 - kept - lost).toBeLessThanOrEqual(marks.length);
      } finally {
        disk.unmount();
      }
    });

    test('L4: the last bytes before a SIGKILL are in the log', async () => {
      await run('sh', '-c', `head -c 65536 /dev/zero | tr '\\0' x; echo end; kill -9 $$`);
      expect(log()).toBe(`${'x'.repeat(65_536)}end\n`);
    });

    test(`${can.ownLog ? 'keeps' : 'loses'} what a command wrote before it truncates its output`, async () => {
      await run('bash', '-c', 'echo one; : >/dev/stdout; echo two; exec 1>/proc/self/fd/2; echo three');
      expect(log()).toBe(can.ownLog ? 'one\ntwo\nthree\n' : 'three\n');
    });

    test(`${can.ownLog ? 'keeps the log under its cap' : 'leaves the cap to the worker'}; offsets stay`, async () => {
      const [width, lines] = [64, 150_000];
      await run('seq', '-f', `%0${width - 1}.0f`, '1', String(lines));
      const segments = segmentsIn(dir);
      const kept = log();
      const first = segments[0]?.first ?? 0;
      expect(first + kept.length).toBe(width * lines);
      expect(kept.slice(0, width)).toContain(String(first / width + 1));
      expect(kept.slice(-width)).toBe(`${String(lines).padStart(width - 1, '0')}\n`);
      expect(segments.every(({ first: at }) => at % (CAP / 8) === 0)).toBe(true);
      if (can.ownLog) expect(kept.length).toBeLessThanOrEqual(CAP + CAP / 8);
      else expect(segments).toHaveLength(1);
      if (can.ownLog) expect(kept.length).toBeGreaterThanOrEqual(CAP);
    });

    test('P13: the end is told while a daemon lives on and holds the output', async () => {
      const daemon = 'echo $$; until [ -e go ]; do sleep 0.01; done; echo late; exec sleep 600';
      const shim = start([
        'bash',
        '-c',
        `cd "$0"; setsid sh -c '${daemon}' & until [ -s log.0 ]; do :; done; exit 4`,
        dir,
      ]);
      const gone = over(shim);
      await hasExit();
      expect(read('exit')).toBe('exit 4 end\n');
      const pid = Number.parseInt(log(), 10);
      if (can.adopt) expect(readStat(pid)?.parent).toBe(shim.pid);
      else await gone;
      spawnSync('touch', [join(dir, 'go')]);
      await written('late\n');
      if (can.adopt) expect(shim.exitCode).toBeNull();
      process.kill(pid, 'SIGKILL');
      expect(await gone).toBe(0);
    });

    test('R13: of those that outlive their parent none becomes a zombie under it', async () => {
      const shim = start([
        'sh',
        '-c',
        'for i in 1 2 3 4 5; do (sleep 0.01 &); done; echo on; exec sleep 600',
      ]);
      const gone = over(shim);
      await written('on\n');
      await until('only the command is left', () => childrenOf(shim.pid ?? 0)?.length === 1);
      process.kill(-(shim.pid ?? 0), 'SIGTERM');
      await gone;
    });
  });
}
