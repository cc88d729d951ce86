/** Reading what an earlier worker left: which attempts there are, and what is true of each. */
import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '../agent/ports.ts';
import { DamagedFile, readChecked, writeChecked } from './atomic.ts';
import { type Attempt, type End, isShimAlive, newAttempt } from './attempt.ts';
import { outOfMemory } from './cgroups.ts';
import { type AttemptRecord, readExit, readRecord, readStarted } from './folder.ts';
import { bootId } from './process.ts';

/** How long a shim may be between making `started` and writing its name into it. */
const NAMING_MS = 1000;

/** The record; null when there is none, or when it was damaged and is now set aside in `<state>/damaged/`. */
export function recordOrAside(
  stateDir: string,
  folder: string,
  id: string,
  logger: Logger,
): AttemptRecord | null {
  try {
    return readRecord(folder);
  } catch (error) {
    if (!(error instanceof DamagedFile)) throw error;
    const aside = join(stateDir, 'damaged');
    mkdirSync(aside, { recursive: true, mode: 0o700 });
    const to = join(aside, `${id}.${process.hrtime.bigint()}.json`);
    renameSync(error.path, to);
    logger.error({ attempt: id, why: error.message, movedTo: to }, 'a damaged record was set aside');
    return null;
  }
}

/** The attempt as its record says, with its shim if one has begun. Its end is not looked for. */
export async function recall(folder: string, record: AttemptRecord): Promise<Attempt> {
  const attempt = newAttempt(record.order, folder, record.port);
  attempt.cgroup = record.cgroup;
  attempt.ofThisBoot = record.bootId === bootId();
  await recallShim(attempt);
  return attempt;
}

/** Reads who began the attempt, with a little patience for one that is just writing. */
export async function recallShim(attempt: Attempt): Promise<'nobody' | 'unnamed' | 'shim'> {
  const deadline = performance.now() + NAMING_MS;
  for (;;) {
    const started = readStarted(attempt.folder);
    if (started.by === 'shim') {
      attempt.shim = { pid: started.pid, startTicks: started.startTicks, startedAtMs: started.atMs };
    }
    if (started.by !== 'unnamed' || performance.now() > deadline || !attempt.ofThisBoot) return started.by;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/**
 * How the attempt ended, or null while its shim lives. An end with a reason is written down: the cgroup that gives the
 * reason goes before the record does.
 */
export function observeEnd(attempt: Attempt, nowMs: number): End | null {
  const alive = isShimAlive(attempt);
  const path = join(attempt.folder, 'end.json');
  // Of a shim that this process began, nobody else has told the end.
  const told = attempt.shim?.startTicks === null ? null : readTold(path);
  if (told !== null) return told;
  // After looking whether the shim lives: what it wrote last is then seen.
  const exit = readExit(attempt.folder);
  if (exit === null && alive) return null;
  const end =
    exit === null ? lost(attempt, nowMs) : { code: exit.code, signal: null, reason: null, atMs: exit.atMs };
  const reason = memoryReason(attempt, end);
  if (reason !== null) end.reason = reason;
  if (end.reason !== null) writeChecked(path, end);
  return end;
}

function readTold(path: string): End | null {
  try {
    return (readChecked(path) as End | undefined) ?? null;
  } catch (error) {
    if (error instanceof DamagedFile) return null;
    throw error;
  }
}

function lost(attempt: Attempt, atMs: number): End {
  const reason = attempt.ofThisBoot
    ? {
        code: 'SUPERVISOR_LOST',
        message: 'the process that supervised the command was killed: the exit code is unknown',
      }
    : { code: 'MACHINE_REBOOTED', message: 'the machine was started anew while the command ran' };
  return { code: null, signal: null, reason, atMs };
}

/** Only a command that failed: one that got over the loss of a child has not run out of memory. */
function memoryReason(attempt: Attempt, end: End): End['reason'] {
  if (end.code === 0 || attempt.cgroup === null || !attempt.ofThisBoot) return null;
  const memory = outOfMemory(attempt.cgroup);
  if (memory === null) return null;
  const peak = memory.peakMiB === null ? '' : `, peak ${memory.peakMiB} MiB`;
  return { code: 'OUT_OF_MEMORY', message: `out of memory: the limit is ${memory.limitMiB} MiB${peak}` };
}
