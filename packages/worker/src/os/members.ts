/**
 * All processes of one attempt but its shim. With a cgroup they are its members. Without one they are the shim's
 * session and group, and whatever carries the mark in its environment.
 */
import { type Attempt, isShimAlive } from './attempt.ts';
import { isCgroupEmpty, killCgroup, membersOf } from './cgroups.ts';
import { readExit, readStarted } from './folder.ts';
import {
  childrenOf,
  commandLineOf,
  isAlive,
  type MarkedProcess,
  type ProcessStat,
  readStat,
  scanProcesses,
  sendSignal,
} from './process.ts';

/** Between two scans of /proc, so that many ends at once cost one scan. */
const SCAN_GAP_MS = 50;
/** How long a shim may take from its start to the start of the command. */
const BEGIN_MS = 5000;
const KILL_ROUNDS = 10;
const SHORT_MS = 1000;
/** Looks at a cgroup in one round. */
const KILL_LOOKS = 100;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export class Members {
  private scanning: Promise<MarkedProcess[]> | null = null;
  private lastScan = Number.NEGATIVE_INFINITY;

  /** True when neither the shim nor any other process of the attempt lives. */
  async isEmpty(attempt: Attempt): Promise<boolean> {
    if (!attempt.ofThisBoot) return true;
    if (isShimAlive(attempt)) return false;
    if (attempt.cgroup !== null && !isCgroupEmpty(attempt.cgroup)) return false;
    if (!mayHaveStrays(attempt)) return true;
    const left = membersAmong(attempt, await this.scan()).length;
    attempt.strays = left > 0 ? 'some' : 'none';
    return left === 0;
  }

  /** Pids for accounting; they may be gone by the time they are read. */
  seen(attempt: Attempt): number[] {
    if (attempt.cgroup !== null) return membersOf(attempt.cgroup);
    return membersAmong(attempt, scanProcesses()).map((process) => process.pid);
  }

  /** SIGTERM to all, once. */
  async terminate(attempt: Attempt): Promise<void> {
    if (!attempt.ofThisBoot) return;
    wakeShim(attempt);
    await commandBegun(attempt);
    const met = new Set<number>();
    for (const process of this.others(attempt)) {
      if (met.has(process.group) || !isAlive(process)) continue;
      met.add(process.group);
      // A whole group in one call: no fork slips between. It is of this attempt's session as long as a member lives in it.
      const target = process.group > 1 ? -process.group : process.pid;
      sendSignal(target, 'SIGTERM');
      // What is stopped can act on it only when it goes on.
      sendSignal(target, 'SIGCONT');
    }
  }

  /** SIGKILL to all but the shim, which lives to record the end. */
  async kill(attempt: Attempt): Promise<void> {
    if (!attempt.ofThisBoot) return;
    wakeShim(attempt);
    await commandBegun(attempt);
    const atOnce = attempt.cgroup !== null && killCgroup(attempt.cgroup);
    // A child of the shim that was forked and has not entered its cgroup yet.
    const shim = livingShim(attempt);
    for (const pid of shim === null ? [] : (childrenOf(shim) ?? [])) {
      const child = readStat(pid);
      if (child?.parent === shim) signalExactly(child, 'SIGKILL');
    }
    wakeShim(attempt);
    const scanned = attempt.cgroup === null || attempt.shim === null || attempt.strays === 'some';
    // One by one, until no round finds one that was forked meanwhile.
    for (let round = 0; round < KILL_ROUNDS && !(atOnce && !scanned); round++) {
      const inCgroup = attempt.cgroup === null ? 0 : killMembers(attempt.cgroup);
      const outside = scanned ? killEach(marked(attempt)) : 0;
      if (inCgroup + outside === 0) break;
      await pause(1);
    }
    if (!scanned) await this.killStrays(attempt);
  }

  /** What left the cgroup before anybody looked for such. */
  private async killStrays(attempt: Attempt): Promise<void> {
    const all = await this.scan();
    const inside = new Set(attempt.cgroup === null ? [] : membersOf(attempt.cgroup));
    const strays = membersAmong(attempt, all).filter((process) => !inside.has(process.pid));
    if (killEach(strays) > 0) attempt.strays = 'some';
  }

  private others(attempt: Attempt): ProcessStat[] {
    const inside = attempt.cgroup === null ? [] : membersOf(attempt.cgroup);
    if (attempt.cgroup !== null && attempt.shim !== null && attempt.strays !== 'some')
      return inside.flatMap((pid) => readStat(pid) ?? []);
    const outside = marked(attempt);
    const seen = new Set(outside.map((process) => process.pid));
    return [...outside, ...inside.flatMap((pid) => (seen.has(pid) ? [] : (readStat(pid) ?? [])))];
  }

  /** A scan that began after this call. */
  private scan(): Promise<MarkedProcess[]> {
    this.scanning ??= (async () => {
      await pause(Math.max(0, this.lastScan + SCAN_GAP_MS - performance.now()));
      this.scanning = null;
      const found = scanProcesses();
      this.lastScan = performance.now();
      return found;
    })();
    return this.scanning;
  }
}

/**
 * Whether it takes a look at all processes to know that none is left. With a cgroup that is once, for what left it (which
 * root can), and only where it may be worth it: not after a short command that nobody stopped.
 */
function mayHaveStrays(attempt: Attempt): boolean {
  if (attempt.cgroup === null) return attempt.shim !== null || attempt.isRebuilt || attempt.end !== null;
  if (attempt.strays !== 'unknown') return attempt.strays === 'some';
  if (attempt.shim === null) return attempt.isRebuilt || attempt.end !== null;
  return attempt.wasSignalled || (attempt.end?.atMs ?? 0) - attempt.shim.startedAtMs > SHORT_MS;
}

const marked = (attempt: Attempt): MarkedProcess[] => membersAmong(attempt, scanProcesses());

function killEach(processes: readonly ProcessStat[]): number {
  for (const process of processes) signalExactly(process, 'SIGKILL');
  return processes.length;
}

/** An instance can stop its shim, which then could not tell the end. */
function wakeShim(attempt: Attempt): void {
  const shim = livingShim(attempt);
  if (shim !== null) sendSignal(shim, 'SIGCONT');
}

/** The shim's number while it is its own. One that we started may be gone and its end not be told yet: its name decides. */
function livingShim(attempt: Attempt): number | null {
  if (attempt.shim === null || !isShimAlive(attempt)) return null;
  const started = attempt.shim.startTicks === null ? readStarted(attempt.folder) : null;
  return started?.by === 'shim' && !isAlive(started) ? null : attempt.shim.pid;
}

/**
 * Those that belong to it, without the shim. All that descend from the shim do: the native one adopts what outlives its
 * parent. Beyond that the mark decides. The session counts for processes that dropped their environment, but only if it
 * can be the shim's: once the shim is gone its number may be another's, so then the mark alone counts.
 */
function membersAmong(attempt: Attempt, all: readonly MarkedProcess[]): MarkedProcess[] {
  const shim = livingShim(attempt);
  const descends = new Set<number>();
  if (shim !== null) {
    descends.add(shim);
    // Parents may come after their children in the list.
    for (let before = 0; before < descends.size; ) {
      before = descends.size;
      for (const { pid, parent } of all) if (descends.has(parent)) descends.add(pid);
    }
  }
  return all.filter(({ pid, mark, session, group }) => {
    if (pid === attempt.shim?.pid) return false;
    if (descends.has(pid)) return true;
    return mark === null ? shim !== null && (session === shim || group === shim) : mark === attempt.id;
  });
}

/**
 * Kills what is in the cgroup, and looks again at once as long as there are new ones: of those that fork and end without
 * a pause, one must be met. The list is of this very moment, so its numbers are still theirs. @returns how many it met
 */
function killMembers(cgroup: string): number {
  const met = new Set<number>();
  for (let look = 0; look < KILL_LOOKS; look++) {
    const before = met.size;
    for (const pid of membersOf(cgroup)) {
      // 0 stands for a process of another pid namespace: to signal it would be to signal ourselves.
      if (pid > 0 && !met.has(pid)) sendSignal(pid, 'SIGKILL');
      met.add(pid);
    }
    if (met.size === before) break;
  }
  return met.size;
}

/** P12: never a process that took the number of one that is gone. */
function signalExactly(process: { pid: number; startTicks: number }, signal: NodeJS.Signals): void {
  if (isAlive(process)) sendSignal(process.pid, signal);
}

/**
 * Resolves when the command can get a signal, or the shim has ended. Before its `exec` the shim's child is still a shell
 * with the shim's handlers, in which a signal is lost; until then it has the shim's command line.
 */
async function commandBegun(attempt: Attempt): Promise<void> {
  const deadline = performance.now() + BEGIN_MS;
  while (!attempt.hasBegun && performance.now() < deadline && isShimAlive(attempt)) {
    const shim = attempt.shim?.pid ?? 0;
    const children = childrenOf(shim);
    const own = commandLineOf(shim);
    attempt.hasBegun =
      children === null
        ? readStarted(attempt.folder).by === 'shim'
        : children.some((pid) => commandLineOf(pid) !== own);
    if (attempt.hasBegun || readExit(attempt.folder) !== null) return;
    await pause(1);
  }
}
