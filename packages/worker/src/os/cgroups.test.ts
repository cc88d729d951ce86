import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isCgroupEmpty, makeCgroup, membersOf, outOfMemory, setUpCgroups } from './cgroups.ts';
import { parseOwnCgroups } from './mounts.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'drover-cgroup-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));
const put = (name: string, text: string): void => writeFileSync(join(dir, name), text);

test('own folders: pure v2', () => {
  const own = parseOwnCgroups(
    '0::/system.slice/drover.service\n',
    '30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n',
  );
  expect(own.v2).toBe('/sys/fs/cgroup/system.slice/drover.service');
});

test('own folders: v1 beside v2, and a container that sees a part of the tree', () => {
  const own = parseOwnCgroups(
    '4:memory:/docker/abc/x\n1:cpu,cpuacct:/\n9:name=systemd:/\n0::/\n',
    [
      '31 30 0:27 /docker/abc /sys/fs/cgroup/memory rw shared:5 - cgroup cgroup rw,memory',
      '32 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw shared:6 - cgroup cgroup rw,cpu,cpuacct',
      '33 30 0:29 / /sys/fs/cgroup/unified rw shared:7 - cgroup2 cgroup2 rw',
    ].join('\n'),
  );
  expect(own.v1.get('memory')).toBe('/sys/fs/cgroup/memory/x');
  expect(own.v1.get('cpu')).toBe('/sys/fs/cgroup/cpu,cpuacct');
  expect(own.v2).toBe('/sys/fs/cgroup/unified');
});

test('v2 files: out of memory with limit and peak, and emptiness', () => {
  put('memory.events', 'low 0\nhigh 0\nmax 12\noom 1\noom_kill 0\noom_group_kill 0\n');
  expect(outOfMemory(dir)).toBeNull();
  put('memory.events', 'low 0\nhigh 0\nmax 12\noom 1\noom_kill 2\noom_group_kill 0\n');
  put('memory.max', `${96 * 1024 * 1024}\n`);
  expect(outOfMemory(dir)).toEqual({ limitMiB: 96, peakMiB: null });
  put('memory.peak', `${95 * 1024 * 1024}\n`);
  expect(outOfMemory(dir)).toEqual({ limitMiB: 96, peakMiB: 95 });
  mkdirSync(join(dir, 'inner'));
  put('cgroup.procs', '');
  put('cgroup.events', 'populated 1\nfrozen 0\n');
  expect(isCgroupEmpty(dir)).toBe(false);
  put('cgroup.events', 'populated 0\nfrozen 0\n');
  expect(isCgroupEmpty(dir)).toBe(true);
});

test('v1 files: members below count, and a cgroup that is gone is empty', () => {
  put('cgroup.procs', '');
  mkdirSync(join(dir, 'inner'));
  put('inner/cgroup.procs', '12\n13\n');
  expect(membersOf(dir)).toEqual([12, 13]);
  expect(isCgroupEmpty(dir)).toBe(false);
  expect(isCgroupEmpty(join(dir, 'gone'))).toBe(true);
  put('memory.oom_control', 'oom_kill_disable 0\nunder_oom 0\noom_kill 1\n');
  put('memory.limit_in_bytes', '1048576\n');
  put('memory.max_usage_in_bytes', '1048576\n');
  expect(outOfMemory(dir)).toEqual({ limitMiB: 1, peakMiB: 1 });
});

test('where nothing is writable there is none, and it is said', () => {
  const setup = setUpCgroups('12345678', { v2: '/no/such', v1: new Map(), roots: [] });
  expect(setup).toMatchObject({ kind: 'none', base: null, limitsMemory: false });
  expect(setup.notes).toHaveLength(2);
  expect(makeCgroup(setup, 'x', 10)).toBeNull();
});
