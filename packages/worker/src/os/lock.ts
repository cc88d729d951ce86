/**
 * One process at a time on a folder. Node has no flock, so a lock is a chain of files `lock.1`, `lock.2`, ...: the
 * highest is the holder, and it counts only while that process lives. To take over, a process links the next number,
 * which only one can, and looks whether it is still the highest. The highest is never deleted, so a slow rival that
 * links an old number sees a higher one and loses. A lock of a process that was killed is taken over at once.
 */
import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasCode, readIfThere, writeAtomic } from './atomic.ts';
import { bootId, isAlive, readStat } from './process.ts';

/** A folder that another living process holds. */
export class LockHeld extends Error {
  readonly pid: number;
  constructor(dir: string, pid: number) {
    super(`${dir} is in use by process ${pid}: one process at a time may use this folder`);
    this.name = 'LockHeld';
    this.pid = pid;
  }
}

export interface Lock {
  /** Gives the folder back. Repeating it does nothing. */
  release(): void;
}

const NAME = /^lock\.(\d{1,15})$/;
const ATTEMPTS = 1000;

/**
 * Takes the folder (made when missing, mode 0700). The lock ends with the process, however it ends.
 * It excludes processes of one machine and one PID namespace.
 * @throws {LockHeld}
 */
export function acquireLock(dir: string): Lock {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const draft = join(dir, `lock.draft.${randomUUID()}`);
  const me = readStat(process.pid);
  writeFileSync(draft, `${process.pid} ${me?.startTicks ?? 0} ${bootId()}\n`, { mode: 0o600 });
  try {
    for (let i = 0; i < ATTEMPTS; i++) {
      const highest = generations(dir).at(-1) ?? 0;
      const holder = highest === 0 ? null : holderOf(join(dir, `lock.${highest}`));
      if (holder !== null) throw new LockHeld(dir, holder);
      const mine = highest + 1;
      if (take(dir, draft, mine)) return held(dir, mine);
    }
    throw new Error(`${dir}: its lock changes hands all the time`);
  } finally {
    rmSync(draft, { force: true });
  }
}

function take(dir: string, draft: string, generation: number): boolean {
  const path = join(dir, `lock.${generation}`);
  try {
    linkSync(draft, path);
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
  const all = generations(dir);
  if (all.at(-1) !== generation) {
    rmSync(path, { force: true });
    return false;
  }
  for (const old of all) if (old < generation) rmSync(join(dir, `lock.${old}`), { force: true });
  return true;
}

function held(dir: string, generation: number): Lock {
  let released = false;
  return {
    release() {
      if (released) return;
      released = true;
      writeAtomic(join(dir, `lock.${generation}`), 'released\n');
    },
  };
}

/** The numbers that exist, ascending. */
function generations(dir: string): number[] {
  return readdirSync(dir)
    .map((name) => Number(NAME.exec(name)?.[1] ?? 0))
    .filter((number) => number > 0)
    .sort((a, b) => a - b);
}

/** The pid of the living holder; null when it is dead or has released. */
function holderOf(path: string): number | null {
  const [pid, startTicks, boot] = (readIfThere(path) ?? '').trim().split(' ');
  if (pid === undefined || startTicks === undefined || boot !== bootId()) return null;
  return isAlive({ pid: Number(pid), startTicks: Number(startTicks) }) ? Number(pid) : null;
}
