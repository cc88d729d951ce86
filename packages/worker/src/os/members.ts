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
  readStat,
  scanProcesses,
  sendSignal,
} from './process.ts';

/** Between two scans of /proc, so that many ends at once cost one scan. */
const SCAN_GAP_MS = 50;
/** How long a shim may take from its start to the start of the command. */
const BEGIN_MS = 5000;
const KILL_ROUNDS = 10;
/** Looks at a cgroup in one round. */
const KILL_LOOKS = 100;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export class Members {
  private scanning: Promise<MarkedProcess[]> | null = null;
  private lastScan = Number.NEGATIVE_INFINITY;

  /** True when neither the shim nor any other process of the attempt lives. */
  async isEmpty(attempt: Attempt): Promise<boolean> {
    if (!attempt.ofThisBoot || attempt.shim === null) return true;
    if (isShimAlive(attempt)) return false;
    if (attempt.cgroup !== null) return isCgroupEmpty(attempt.cgroup);
    return !(await this.scan()).some((process) => belongs(attempt, process));
  }

  /** Pids for accounting; they may be gone by the time they are read. */
  seen(attempt: Attempt): number[] {
    if (attempt.cgroup !== null) return membersOf(attempt.cgroup);
    return scanProcesses()
      .filter((process) => belongs(attempt, process))
      .map((process) => process.pid);
  }

  /** SIGTERM to all, once. */
  async terminate(attempt: Attempt): Promise<void> {
    if (!attempt.ofThisBoot || attempt.shim === null) return;
    await commandBegun(attempt);
    const group = attempt.shim.pid;
    // The group in one call: no fork slips between. It is ours as long as the shim, its leader, lives.
    const whole = isShimAlive(attempt) && sendSignal(-group, 'SIGTERM');
    for (const process of await this.others(attempt)) {
      if (!(whole && process.group === group)) signalExactly(process, 'SIGTERM');
    }
  }

  /** SIGKILL to all but the shim, which lives to record the end. */
  async kill(attempt: Attempt): Promise<void> {
    if (!attempt.ofThisBoot || attempt.shim === null) return;
    await commandBegun(attempt);
    const atOnce = attempt.cgroup !== null && killCgroup(attempt.cgroup);
    // A child of the shim that was forked and has not entered its cgroup yet.
    if (isShimAlive(attempt)) {
      for (const pid of childrenOf(attempt.shim.pid) ?? []) {
        const child = readStat(pid);
        if (child?.parent === attempt.shim.pid) signalExactly(child, 'SIGKILL');
      }
    }
    if (atOnce) return;
    // One by one, until no round finds one that was forked meanwhile.
    for (let round = 0; round < KILL_ROUNDS; round++) {
      const count = attempt.cgroup === null ? await this.killScanned(attempt) : killMembers(attempt.cgroup);
      if (count === 0) return;
      await pause(1);
    }
  }

  private async killScanned(attempt: Attempt): Promise<number> {
    const left = await this.others(attempt);
    for (const process of left) signalExactly(process, 'SIGKILL');
    return left.length;
  }

  private async others(attempt: Attempt): Promise<{ pid: number; group: number; startTicks: number }[]> {
    if (attempt.cgroup !== null) {
      return membersOf(attempt.cgroup).flatMap((pid) => readStat(pid) ?? []);
    }
    return scanProcesses().filter(
      (process) => process.pid !== attempt.shim?.pid && belongs(attempt, process),
    );
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
 * The mark decides. The session counts for processes that dropped their environment, but only if it can be the shim's:
 * once the shim is gone its number may be another's, so then the mark alone counts.
 */
function belongs(attempt: Attempt, process: MarkedProcess): boolean {
  if (process.mark !== null) return process.mark === attempt.id;
  const number = attempt.shim?.pid;
  return (process.session === number || process.group === number) && isShimAlive(attempt);
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
    if (readStarted(attempt.folder).by === 'shim') {
      const children = childrenOf(shim);
      const own = commandLineOf(shim);
      attempt.hasBegun = children === null || children.some((pid) => commandLineOf(pid) !== own);
      if (attempt.hasBegun || readExit(attempt.folder) !== null) return;
    }
    await pause(1);
  }
}
