/** What a process and a folder cost. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** Resident memory in MiB. */
export function residentMiB(pid: number): number {
  const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1] ?? 0) / 1024;
}

export const openFiles = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

/** What a folder takes on disk, in MiB. What goes away while it is counted does not matter. */
export function diskMiB(folder: string): Promise<number> {
  return new Promise((resolve) => {
    execFile('du', ['-sk', folder], (_, out) => resolve(Number.parseInt(out, 10) / 1024));
  });
}
