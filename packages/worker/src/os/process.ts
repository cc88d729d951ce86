/** What /proc says of processes. Identity is pid + start time + boot: a pid alone is never trusted. */
import { readdirSync, readFileSync } from 'node:fs';
import { readIfThere } from './atomic.ts';

export interface Identity {
  readonly pid: number;
  /** Clock ticks from boot to the start of the process: field 22 of /proc/PID/stat. */
  readonly startTicks: number;
}

export interface ProcessStat extends Identity {
  /** One letter; Z and X are dead. */
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
}

/** Parses a line of /proc/PID/stat; null when it is not whole. The name in it may hold spaces and parentheses. */
export function parseStat(line: string): ProcessStat | null {
  const pid = Number.parseInt(line, 10);
  const rest = line.slice(line.lastIndexOf(') ') + 2).split(' ');
  const startTicks = Number(rest[19]);
  if (!Number.isInteger(pid) || rest.length < 20 || !Number.isInteger(startTicks)) return null;
  return {
    pid,
    state: rest[0] ?? '?',
    parent: Number(rest[1]),
    group: Number(rest[2]),
    session: Number(rest[3]),
    startTicks,
  };
}

/** Null when there is no such process. */
export function readStat(pid: number): ProcessStat | null {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return null;
  }
}

/** True when exactly this process lives; a zombie does not. */
export function isAlive(process: Identity): boolean {
  const stat = readStat(process.pid);
  return stat !== null && stat.startTicks === process.startTicks && isRunning(stat);
}

const isRunning = (stat: ProcessStat): boolean => stat.state !== 'Z' && stat.state !== 'X';

let boot: string | undefined;

/** Differs after each start of the machine. */
export function bootId(): string {
  boot ??= (readIfThere('/proc/sys/kernel/random/boot_id') ?? 'unknown').trim();
  return boot;
}

/** Sends a signal; false when there is no such process or it may not be signalled. A negative pid is a group. */
export function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** The direct children of a process's main thread; null where the kernel does not tell. */
export function childrenOf(pid: number): number[] | null {
  const text = readIfThere(`/proc/${pid}/task/${pid}/children`);
  return text === null ? null : text.split(' ').filter(Boolean).map(Number);
}

/** The arguments, each ended by NUL; null when there is no such process. */
export const commandLineOf = (pid: number): string | null => readIfThere(`/proc/${pid}/cmdline`);

export interface MarkedProcess extends ProcessStat {
  /** `<instance>.<attempt>` from its environment; null when it carries none, or it may not be read. */
  readonly mark: string | null;
}

/** Every living process with its mark. It costs some 20 microseconds per process of the machine. */
export function scanProcesses(): MarkedProcess[] {
  const found: MarkedProcess[] = [];
  for (const name of readdirSync('/proc')) {
    const first = name.charCodeAt(0);
    if (first < 48 || first > 57) continue;
    const process = readMarked(Number(name));
    if (process !== null) found.push(process);
  }
  return found;
}

/** One living process with its mark; null when there is none. */
export function readMarked(pid: number): MarkedProcess | null {
  const stat = readStat(pid);
  return stat !== null && isRunning(stat) ? { ...stat, mark: markOf(pid) } : null;
}

/** The mark that every process of an attempt inherits. */
export const markFor = (instance: string, attempt: number): string => `${instance}.${attempt}`;

function markOf(pid: number): string | null {
  const environment = environmentOf(pid);
  if (environment === null) return null;
  const instance = variable(environment, 'DROVER_INSTANCE_ID');
  const attempt = variable(environment, 'DROVER_ATTEMPT');
  return instance === null || attempt === null ? null : `${instance}.${attempt}`;
}

/** Each variable between two NULs; null when it may not be read. */
function environmentOf(pid: number): string | null {
  try {
    return `\0${readFileSync(`/proc/${pid}/environ`, 'latin1')}`;
  } catch {
    return null;
  }
}

/** A variable as the process was started with it; null when there is none or it may not be read. */
export const variableOf = (pid: number, name: string): string | null =>
  variable(environmentOf(pid) ?? '', name);

function variable(environment: string, name: string): string | null {
  const key = `\0${name}=`;
  const at = environment.indexOf(key);
  if (at < 0) return null;
  const end = environment.indexOf('\0', at + key.length);
  return environment.slice(at + key.length, end < 0 ? undefined : end);
}
