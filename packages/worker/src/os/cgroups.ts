/**
 * One cgroup per attempt, where that is allowed: to find all its processes, to end them at once, to hold its memory
 * limit. v2 with the memory controller is preferred; else v1 memory, with the unified tree beside it for membership.
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
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { hasCode, readIfThere } from './atomic.ts';
import type { OwnCgroups } from './mounts.ts';

/** The folders of one attempt, as its record keeps them. */
export interface AttemptCgroup {
  /** Holds the memory limit; null when there is none. */
  readonly memory: string | null;
  /** Membership is read here; in the unified tree when possible. */
  readonly members: string;
}

export interface CgroupSetup {
  readonly kind: 'v2' | 'v1' | 'none';
  /** Folder of this worker in which attempts get theirs; null when no memory limit can be enforced. */
  readonly memory: string | null;
  readonly members: string | null;
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
    if (memory !== undefined) {
      const base = join(memory, folder);
      return { kind: 'v2', memory: base, members: base, notes: [] };
    }
  }
  const members = v2 !== null && usable(join(v2, folder), 'cgroup.kill') ? join(v2, folder) : null;
  const memoryOwn = own?.v1.get('memory');
  if (memoryOwn !== undefined && usable(join(memoryOwn, folder), 'memory.limit_in_bytes')) {
    const memory = join(memoryOwn, folder);
    return { kind: 'v1', memory, members: members ?? memory, notes: [] };
  }
  const unlimited = 'memory limits are not enforced: no writable memory cgroup';
  if (members !== null) return { kind: 'v2', memory: null, members, notes: [unlimited] };
  return {
    kind: 'none',
    memory: null,
    members: null,
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

/** Makes the cgroup of one attempt with its limit (0: none). Folders that exist already are taken. */
export function makeCgroup(setup: CgroupSetup, name: string, memoryMiB: number): AttemptCgroup | null {
  if (setup.members === null) return null;
  const members = join(setup.members, name);
  makeFolder(members);
  if (setup.memory === null) return { memory: null, members };
  const memory = join(setup.memory, name);
  if (memory !== members) makeFolder(memory);
  if (memoryMiB > 0) limitMemory(memory, setup.kind === 'v2', memoryMiB * MIB);
  return { memory, members };
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

/** The files into which a process writes 0 to enter. */
export const entriesOf = (cgroup: AttemptCgroup): string[] =>
  [...new Set([cgroup.memory, cgroup.members])]
    .filter((path) => path !== null)
    .map((path) => join(path, PROCS));

/** True when no living process is in it or below it. A folder that is gone is empty. */
export function isCgroupEmpty(cgroup: AttemptCgroup): boolean {
  const events = readIfThere(join(cgroup.members, 'cgroup.events'));
  return events === null ? membersOf(cgroup).length === 0 : !/^populated 1$/m.test(events);
}

/** The pids in it and below it. */
export function membersOf(cgroup: AttemptCgroup): number[] {
  return foldersBelow(cgroup.members).flatMap((folder) => wordsOf(join(folder, PROCS)).map(Number));
}

/** Kills every member at once, which no fork escapes; false where the kernel cannot. */
export function killCgroup(cgroup: AttemptCgroup): boolean {
  try {
    writeFileSync(join(cgroup.members, 'cgroup.kill'), '1', { flag: 'r+' });
    return true;
  } catch {
    return false;
  }
}

/** Removes the folders; false when something in them still lives. */
export function removeCgroup(cgroup: AttemptCgroup): boolean {
  return [...new Set([cgroup.members, cgroup.memory])].every((path) => path === null || removeTree(path));
}

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
    const inner = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return [path, ...inner.flatMap((entry) => foldersBelow(join(path, entry.name)))];
  } catch {
    return [];
  }
}

/** Whether the kernel killed something in it for want of memory. */
export function outOfMemory(cgroup: AttemptCgroup): OutOfMemory | null {
  if (cgroup.memory === null) return null;
  const folder = cgroup.memory;
  const events = readIfThere(join(folder, 'memory.events'));
  const counters = events ?? readIfThere(join(folder, 'memory.oom_control')) ?? '';
  if (!(Number(/^oom_kill (\d+)$/m.exec(counters)?.[1] ?? 0) > 0)) return null;
  const limit = number(join(folder, events === null ? 'memory.limit_in_bytes' : 'memory.max'));
  const peak = number(join(folder, events === null ? 'memory.max_usage_in_bytes' : 'memory.peak'));
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
export function removeOrphans(setup: CgroupSetup, isKnown: (name: string) => boolean): void {
  for (const base of new Set([setup.members, setup.memory])) {
    if (base === null) continue;
    for (const folder of foldersBelow(base).slice(1)) {
      if (dirname(folder) === base && !isKnown(folder.slice(base.length + 1))) removeTree(folder);
    }
  }
}

/** Removes this worker's own folders if no attempt has one. */
export function removeSetup(setup: CgroupSetup): void {
  for (const base of new Set([setup.members, setup.memory])) {
    try {
      if (base !== null) rmdirSync(base);
    } catch {
      // Attempts live in it.
    }
  }
}
