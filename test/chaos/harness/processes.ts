/** What lives on this machine, read from /proc: the ground truth beside what the head says. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly startTicks: string;
}

/** Null when it does not live; a zombie does not. */
export function readProcess(pid: number): Process | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return null;
    return { pid, parent: Number(fields[1]), startTicks: fields[19] ?? '' };
  } catch {
    return null;
  }
}

export interface Marked extends Process {
  readonly instance: string;
  readonly attempt: number;
  /** The worker's supervisor of the attempt, not a process of the command. */
  readonly isShim: boolean;
}

/** Every process that carries the marks of an instance in its environment. */
export function markedProcesses(): Marked[] {
  const found: Marked[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const marked = readMarks(Number(name));
    if (marked) found.push(marked);
  }
  return found;
}

function readMarks(pid: number): Marked | null {
  try {
    const env = readFileSync(`/proc/${pid}/environ`, 'latin1');
    const instance = /(?:^|\0)DROVER_INSTANCE_ID=([^\0]*)/.exec(env)?.[1];
    const attempt = /(?:^|\0)DROVER_ATTEMPT=(\d+)/.exec(env)?.[1];
    const process = instance && attempt ? readProcess(pid) : null;
    if (!process || !instance) return null;
    const line = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0');
    return { ...process, instance, attempt: Number(attempt), isShim: isShim(line) };
  } catch {
    return null;
  }
}

const isShim = ([program = '', script = '']: readonly string[]): boolean =>
  script.endsWith('/shim.sh') || /(^|\/)(drover-)?shim$/.test(program);

export interface Usage {
  readonly rssMiB: number;
  readonly files: number;
}

/** Null when it is gone. */
export function usageOf(pid: number): Usage | null {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const rss = /^VmRSS:\s+(\d+) kB/m.exec(status)?.[1];
    if (rss === undefined) return null;
    return { rssMiB: Number(rss) / 1024, files: readdirSync(`/proc/${pid}/fd`).length };
  } catch {
    return null;
  }
}

/** The network namespace that a process lives in, as a text to compare. */
export function namespaceOf(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return null;
  }
}
