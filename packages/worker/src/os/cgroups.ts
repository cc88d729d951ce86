/**
 * One cgroup per attempt, where that is allowed: to find all its processes, to end them, to hold its memory limit. v2
 * with the memory controller is preferred, then v1 memory, then v2 for membership alone. Never two of them: a cgroup
 * costs the start of an attempt a millisecond in the unified tree beside v1, and every change of membership stops all
 * forks of the machine for a moment.
 */
import { spawnSync } from 'node:child_process';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { hasCode, readIfThere } from './atomic.ts';
import type { OwnCgroups } from './mounts.ts';

export interface CgroupSetup {
  readonly kind: 'v2' | 'v1' | 'none';
  /** Folder of this worker in which attempts get theirs; null when there can be none. */
  readonly base: string | null;
  /** Memory limits hold in it. */
  readonly limitsMemory: boolean;
  readonly notes: readonly string[];
}

export interface OutOfMemory {
  readonly limitMiB: number;
  /** Null where the kernel keeps no record of it. */
  readonly peakMiB: number | null;
}

const MIB = 1024 * 1024;
const PROCS = 'cgroup.procs';

/** Finds out by trying (folders are made, a process is moved) what this worker may use. Null: nothing. */
export function setUpCgroups(workerId: string, own: OwnCgroups | null): CgroupSetup {
  const folder = `drover-${workerId.slice(0, 8)}`;
  const v2 = own?.v2 ?? null;
  if (v2 !== null) {
    const memory = unifiedCandidates(v2).find(
      (parent) => enableMemory(parent) && usable(join(parent, folder), 'memory.max'),
    );
    if (memory !== undefined)
      return { kind: 'v2', base: join(memory, folder), limitsMemory: true, notes: [] };
  }
  const memory = own?.v1.get('memory');
  if (memory !== undefined && usable(join(memory, folder), 'memory.limit_in_bytes')) {
    return { kind: 'v1', base: join(memory, folder), limitsMemory: true, notes: [] };
  }
  const unlimited = 'memory limits are not enforced: no writable memory cgroup';
  if (v2 !== null && usable(join(v2, folder), 'cgroup.kill')) {
    return { kind: 'v2', base: join(v2, folder), limitsMemory: false, notes: [unlimited] };
  }
  return {
    kind: 'none',
    base: null,
    limitsMemory: false,
    notes: [unlimited, 'no writable cgroup: strays are found by DROVER_INSTANCE_ID in their environment'],
  };
}

/** A cgroup with processes of its own can have no children with controllers: hence the parent, then this one if we are alone. */
function unifiedCandidates(own: string): string[] {
  const parent = dirname(own);
  return existsSync(join(parent, PROCS)) ? [own, parent] : [own];
}

function enableMemory(parent: string): boolean {
  if (!wordsOf(join(parent, 'cgroup.controllers')).includes('memory')) return false;
  const control = join(parent, 'cgroup.subtree_control');
  if (wordsOf(control).includes('memory')) return true;
  const procs = wordsOf(join(parent, PROCS));
  try {
    if (procs.length === 1 && procs[0] === String(process.pid)) {
      const leaf = join(parent, 'drover-worker');
      makeFolder(leaf);
      writeFileSync(join(leaf, PROCS), '0');
    } else if (procs.length > 0) {
      return false;
    }
    writeFileSync(control, '+memory');
    return true;
  } catch {
    return false;
  }
}

const wordsOf = (file: string): string[] => {
  try {
    return (readIfThere(file) ?? '').split(/\s+/).filter(Boolean);
  } catch {
    return [];
  }
};

function makeFolder(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  }
}

/** Makes the folder, and a trial one in it that a real process enters. */
function usable(base: string, control: string): boolean {
  const trial = join(base, `trial.${process.pid}`);
  try {
    makeFolder(base);
    makeFolder(trial);
    accessSync(join(trial, control), constants.W_OK);
    return spawnSync('/bin/sh', ['-c', 'echo 0 >"$0"', join(trial, PROCS)], { stdio: 'ignore' }).status === 0;
  } catch {
    return false;
  } finally {
    removeTree(trial);
  }
}

/** Makes the cgroup of one attempt with its limit (0: none). A folder that exists already is taken. */
export function makeCgroup(setup: CgroupSetup, name: string, memoryMiB: number): string | null {
  if (setup.base === null) return null;
  const folder = join(setup.base, name);
  makeFolder(folder);
  if (setup.limitsMemory && memoryMiB > 0) limitMemory(folder, setup.kind === 'v2', memoryMiB * MIB);
  return folder;
}

/** The folder that an attempt of this name has; null when there is none. */
export function cgroupNamed({ base }: CgroupSetup, name: string): string | null {
  return base !== null && existsSync(join(base, name)) ? join(base, name) : null;
}

function limitMemory(folder: string, unified: boolean, bytes: number): void {
  const text = String(bytes);
  writeFileSync(join(folder, unified ? 'memory.max' : 'memory.limit_in_bytes'), text);
  // Swap would let it go on beyond the limit. Absent where the kernel does not account swap.
  try {
    if (unified) writeFileSync(join(folder, 'memory.swap.max'), '0', { flag: 'r+' });
    else writeFileSync(join(folder, 'memory.memsw.limit_in_bytes'), text, { flag: 'r+' });
  } catch {}
}

/**
 * The file into which a process writes 0 to enter. In v1 `tasks`, which moves only the thread that writes: a shell has
 * one, and the kernel need not stop all forks and exits of the machine for it, as it does for `cgroup.procs`.
 */
export const entryOf = (setup: CgroupSetup, cgroup: string): string =>
  join(cgroup, setup.kind === 'v1' ? 'tasks' : PROCS);

/** True when no living process is in it or below it. A folder that is gone is empty. */
export function isCgroupEmpty(cgroup: string): boolean {
  if (wordsOf(join(cgroup, PROCS)).length > 0) return false;
  if (hasNoFolders(cgroup)) return true;
  const events = readIfThere(join(cgroup, 'cgroup.events'));
  return events === null ? membersOf(cgroup).length === 0 : !/^populated 1$/m.test(events);
}

/** A folder has two links, and one more for each folder in it. False where links tell nothing. */
const hasNoFolders = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.nlink === 2;

/** The pids in it and below it. */
export function membersOf(cgroup: string): number[] {
  return foldersBelow(cgroup).flatMap((folder) => wordsOf(join(folder, PROCS)).map(Number));
}

/** Kills every member at once, which no fork escapes; false where the kernel cannot. */
export function killCgroup(cgroup: string): boolean {
  try {
    writeFileSync(join(cgroup, 'cgroup.kill'), '1', { flag: 'r+' });
    return true;
  } catch {
    return false;
  }
}

/** Removes the folder and what is below it; false when something in it still lives. */
export const removeCgroup = (cgroup: string): boolean => removeTree(cgroup);

function removeTree(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return true;
  }
  try {
    for (const folder of foldersBelow(path).reverse()) rmdirSync(folder);
    return true;
  } catch (error) {
    return hasCode(error, 'ENOENT');
  }
}

/** The folder and all below it, parents first; none when it is gone. */
function foldersBelow(path: string): string[] {
  try {
    if (hasNoFolders(path)) return [path];
    const inner = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return [path, ...inner.flatMap((entry) => foldersBelow(join(path, entry.name)))];
  } catch {
    return [];
  }
}

/** Whether the kernel killed something in it for want of memory. */
export function outOfMemory(cgroup: string): OutOfMemory | null {
  const events = readIfThere(join(cgroup, 'memory.events'));
  const counters = events ?? readIfThere(join(cgroup, 'memory.oom_control')) ?? '';
  if (!(Number(/^oom_kill (\d+)$/m.exec(counters)?.[1] ?? 0) > 0)) return null;
  const limit = number(join(cgroup, events === null ? 'memory.limit_in_bytes' : 'memory.max'));
  const peak = number(join(cgroup, events === null ? 'memory.max_usage_in_bytes' : 'memory.peak'));
  return { limitMiB: Math.round((limit ?? 0) / MIB), peakMiB: peak === null ? null : Math.round(peak / MIB) };
}

function number(file: string): number | null {
  try {
    const value = Number(readFileSync(file, 'utf8').trim());
    return Number.isFinite(value) ? value : null;
  } catch {
    return null;
  }
}

/** Removes what earlier runs of this worker left empty and no record names. */
export function removeOrphans({ base }: CgroupSetup, isKnown: (name: string) => boolean): void {
  if (base === null) return;
  for (const folder of foldersBelow(base).slice(1)) {
    if (dirname(folder) === base && !isKnown(folder.slice(base.length + 1))) removeTree(folder);
  }
}

/** Removes this worker's own folder if no attempt has one. */
export function removeSetup({ base }: CgroupSetup): void {
  try {
    if (base !== null) rmdirSync(base);
  } catch {
    // Attempts live in it.
  }
}
