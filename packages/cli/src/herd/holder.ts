import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A living process, told apart from a later one with the same id. */
export interface Holder {
  readonly pid: number;
  readonly startTicks: number;
}

/**
 * The process that holds a state folder, by the folder's lock (`lock.N`: "pid startTicks bootId" of the highest N), or
 * null. Heads and workers hold theirs as long as they live, whoever started them.
 */
export function holderOf(folder: string): Holder | null {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return null;
  }
  const highest = Math.max(0, ...names.map((name) => Number(/^lock\.(\d{1,15})$/.exec(name)?.[1] ?? 0)));
  if (highest === 0) return null;
  const [pid, startTicks, boot] = (readText(join(folder, `lock.${highest}`)) ?? '')
    .trim()
    .split(' ')
    .map(String);
  const holder = { pid: Number(pid), startTicks: Number(startTicks) };
  const isOfThisBoot = boot === (readText('/proc/sys/kernel/random/boot_id') ?? 'unknown').trim();
  return Number.isInteger(holder.pid) && holder.pid > 0 && isOfThisBoot && lives(holder) ? holder : null;
}

/** True while exactly this process lives; a zombie does not. */
export function lives({ pid, startTicks }: Holder): boolean {
  const stat = readText(`/proc/${pid}/stat`);
  if (stat === null) return false;
  const rest = stat.slice(stat.lastIndexOf(') ') + 2).split(' ');
  return Number(rest[19]) === startTicks && rest[0] !== 'Z' && rest[0] !== 'X';
}

/** The text of a file; null when it cannot be read. */
export function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

/** Longest time that a process takes for an orderly end, with a margin. */
const END_MS = 12_000;

/** SIGTERM, after 12 s SIGKILL; resolves when it is gone. @returns true when it ended by itself */
export async function endProcess(holder: Holder): Promise<boolean> {
  const until = performance.now() + END_MS;
  send(holder, 'SIGTERM');
  while (lives(holder) && performance.now() < until) await nap(20);
  if (!lives(holder)) return true;
  send(holder, 'SIGKILL');
  while (lives(holder) && performance.now() < until + 2000) await nap(20);
  return false;
}

function send(holder: Holder, signal: NodeJS.Signals): void {
  try {
    if (lives(holder)) process.kill(holder.pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}

/** A pause between two looks. */
export const nap = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
