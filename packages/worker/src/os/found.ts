/** Reading what an earlier worker left: which attempts there are, and what is true of each. */
import { lstatSync, mkdirSync, renameSync } from 'node:fs';
import { uptime } from 'node:os';
import { basename, join } from 'node:path';
import type { StartOrder } from '@drover/core/wire';
import type { Logger } from '../agent/ports.ts';
import { DamagedFile, readChecked, writeChecked } from './atomic.ts';
import { type Attempt, type End, isShimAlive, newAttempt } from './attempt.ts';
import { type CgroupSetup, cgroupNamed, outOfMemory } from './cgroups.ts';
import { type AttemptRecord, hasTraces, logFile, readExit, readRecord, readStarted } from './folder.ts';
import {
  bootId,
  commandLineOf,
  type Identity,
  type MarkedProcess,
  markFor,
  type ProcessStat,
  readMarked,
  scanProcesses,
  variableOf,
} from './process.ts';
import { NATIVE_SHIM } from './shim-choice.ts';

/** How long a shim may be between making `started` and writing its name into it. */
const NAMING_MS = 1000;

/** USER_HZ, which is 100 wherever Node runs. */
const TICK_MS = 10;
const BLOCK = 4096;
/** Words before the folder in the command line of a native shim. */
const MOST_OPTIONS = 2;
/** What an instance has that does not say otherwise. */
const DEFAULT_GRACE_MS = 30_000;
const DEFAULT_LOG_CAP = 256 * 1024 * 1024;

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
    if (!(error instanceof DamagedFile)) {
      logger.error({ attempt: id, folder, why: String(error) }, 'a record could not be read');
      return null;
    }
    setAside(stateDir, id, error, logger);
    return null;
  }
}

function setAside(stateDir: string, id: string, { path, message }: DamagedFile, logger: Logger): void {
  const aside = join(stateDir, 'damaged');
  const to = join(aside, `${id}.${process.hrtime.bigint()}.json`);
  try {
    mkdirSync(aside, { recursive: true, mode: 0o700 });
    renameSync(path, to);
    logger.error({ attempt: id, why: message, movedTo: to }, 'a damaged record was set aside');
  } catch (error) {
    logger.error({ attempt: id, path, why: String(error) }, 'a damaged record could not be set aside');
  }
}

/** The attempt as its record says, with its shim if one has begun. Its end is not looked for. */
export async function recall(folder: string, record: AttemptRecord): Promise<Attempt> {
  const attempt = newAttempt(record.order, folder, record.port);
  attempt.cgroup = record.cgroup;
  attempt.ofThisBoot = record.bootId === bootId();
  // Without the shim's name but with its traces, it is not what it was: it must not begin a second time.
  if ((await recallShim(attempt)) === 'nobody' && hasTraces(folder)) {
    attempt.isRebuilt = true;
    if (attempt.ofThisBoot) takeShim(attempt);
  }
  return attempt;
}

/** Reads who began the attempt, with a little patience for one that is just writing. */
export async function recallShim(attempt: Attempt): Promise<'nobody' | 'unnamed' | 'shim'> {
  const deadline = performance.now() + NAMING_MS;
  let isWriting = true;
  for (;;) {
    let started: ReturnType<typeof readStarted> = readStarted(attempt.folder);
    if (started.by === 'shim' && attempt.ofThisBoot && !isNamedRightly(attempt.id, started))
      started = { by: 'unnamed' };
    if (started.by === 'shim') {
      attempt.shim = { pid: started.pid, startTicks: started.startTicks, startedAtMs: started.atMs };
    }
    if (started.by !== 'unnamed' || !attempt.ofThisBoot) return started.by;
    if (performance.now() > deadline) return takeShim(attempt) ? 'shim' : 'unnamed';
    if (!isWriting) return 'unnamed';
    // It is read once more when no shim lives: that one may have written meanwhile, and ended.
    isWriting = findShim(attempt.id) !== null;
    if (isWriting) await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Finds the shim among the processes, when its name is lost. */
export function takeShim(attempt: Attempt): boolean {
  const shim = findShim(attempt.id);
  if (shim === null) return false;
  const ageMs = uptime() * 1000 - shim.startTicks * TICK_MS;
  const startedAtMs = Math.round(Date.now() - Math.max(0, ageMs));
  attempt.shim = { pid: shim.pid, startTicks: shim.startTicks, startedAtMs };
  return true;
}

/** Finds the shim of an attempt: the oldest process that can be it. */
function findShim(id: string): ProcessStat | null {
  const [shim] = scanProcesses()
    .filter((process) => canBeShim(id, process))
    .sort((a, b) => a.startTicks - b.startTicks);
  return shim ?? null;
}

/**
 * Known by its mark and its command line, `sh .../shim.sh .../<instance>.<attempt>` or `drover-shim` with such a folder,
 * and because it leads a session.
 */
function canBeShim(id: string, { pid, session, mark }: MarkedProcess): boolean {
  if (mark !== id || session !== pid) return false;
  const [first, ...words] = (commandLineOf(pid) ?? '').split('\0').map((word) => basename(word));
  if (first === NATIVE_SHIM) return words.slice(0, MOST_OPTIONS + 1).includes(id);
  return words[0] === 'shim.sh' && words[1] === id;
}

/**
 * False when another process lives under the name that `started` tells. The file lies where the command can write, and
 * whoever is taken for a shim is waited for, and its descendants are ended with the attempt.
 */
function isNamedRightly(id: string, named: Identity): boolean {
  const now = readMarked(named.pid);
  return now === null || now.startTicks !== named.startTicks || canBeShim(id, now);
}

/**
 * The attempt of a folder whose record is lost, from what else there is; null when nothing tells that it ever began.
 * Its order is not known but for what its shim's environment says, so it is never begun anew.
 */
export async function rebuild(
  folder: string,
  key: { instance: string; attempt: number },
  cgroups: CgroupSetup,
): Promise<Attempt | null> {
  const id = markFor(key.instance, key.attempt);
  const cgroup = cgroupNamed(cgroups, id);
  const living = scanProcesses().find((process) => process.mark === id);
  if (living === undefined && !hasTraces(folder)) return null;
  const known = (name: string) => (living === undefined ? null : variableOf(living.pid, name));
  const gpus = known('CUDA_VISIBLE_DEVICES') ?? '';
  const order: StartOrder = {
    ...key,
    name: known('DROVER_INSTANCE_NAME'),
    command: '',
    env: {},
    venv: null,
    workdir: null,
    gpuIndices: /^\d{1,4}(,\d{1,4})*$/.test(gpus) ? gpus.split(',').map(Number) : [],
    cpu: 0,
    memoryMiB: 0,
    graceMs: DEFAULT_GRACE_MS,
    logCapBytes: guessLogCap(folder),
  };
  const port = Number(known('PORT') ?? 0);
  const attempt = newAttempt(order, folder, Number.isInteger(port) && port > 0 && port < 65_536 ? port : 0);
  attempt.isRebuilt = true;
  attempt.cgroup = cgroup;
  if ((await recallShim(attempt)) === 'nobody') takeShim(attempt);
  return attempt;
}

/** A log with a hole was trimmed already: what it still has is all that can be read. */
function guessLogCap(folder: string): number {
  const log = lstatSync(logFile(folder), { throwIfNoEntry: false });
  const kept = (log?.blocks ?? 0) * 512;
  return log !== undefined && kept < log.size && log.size > BLOCK
    ? Math.max(BLOCK, Math.min(DEFAULT_LOG_CAP, kept - BLOCK))
    : DEFAULT_LOG_CAP;
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
  const end: End = exit === null ? lost(attempt, nowMs) : { ...exit, reason: null };
  const reason = memoryReason(attempt, end);
  if (reason !== null) end.reason = reason;
  try {
    if (end.reason !== null) writeChecked(path, end);
  } catch {
    // The folder is gone or the disk is full: what is told now is the same.
  }
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

export function lost(attempt: Attempt, atMs: number): End {
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
