/** The processes of this machine, as /proc tells of them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** The start time of a process in clock ticks, or null when it does not live (a zombie does not). */
export function processStart(pid: number): string | null {
  if (!existsSync(`/proc/${pid}/stat`)) return null;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}

/**
 * Pids of live processes whose command line or environment names the text. A command that is RUNNING has a pid; it may
 * still be about to become its program, and then shows neither: wait for what is to be there.
 */
export function processesWith(text: string): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid || processStart(Number(name)) === null) return [];
    try {
      const told = `${readFileSync(`/proc/${name}/cmdline`)}${readFileSync(`/proc/${name}/environ`)}`;
      return told.includes(text) ? [Number(name)] : [];
    } catch {
      return []; // It has ended meanwhile.
    }
  });
}
