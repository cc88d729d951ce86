import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { bootId, isAlive, parseStat, readStat, scanProcesses } from './process.ts';
import { until } from './testing.ts';

test('a stat line is parsed, whatever the name of the process', () => {
  const fields = Array.from({ length: 50 }, (_, i) => String(i + 4)).join(' ');
  expect(parseStat(`12 (a) S) b) S ${fields}`)).toMatchObject({
    pid: 12,
    state: 'S',
    parent: 4,
    group: 5,
    session: 6,
    startTicks: 22,
  });
  expect(parseStat('12 (sh) S 1 2')).toBeNull();
  expect(parseStat('')).toBeNull();
});

test('a process is itself only with its start time', () => {
  const me = readStat(process.pid);
  expect(me !== null && isAlive(me)).toBe(true);
  expect(isAlive({ pid: process.pid, startTicks: (me?.startTicks ?? 0) + 1 })).toBe(false);
  expect(bootId()).toMatch(/^[0-9a-f-]{36}$/);
});

test('a scan finds the mark, but of both parts', async () => {
  const child = spawn('sleep', ['600'], {
    env: { PATH: process.env.PATH, DROVER_INSTANCE_ID: 'i-1', DROVER_ATTEMPT: '2' },
  });
  await until('marked', () =>
    scanProcesses().some((each) => each.pid === child.pid && each.mark === 'i-1.2'),
  );
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
  expect(readStat(child.pid ?? 0)).toBeNull();
});
