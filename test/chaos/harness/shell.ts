/** Tools of the system, run to their end. */
import { execFile } from 'node:child_process';

const LIMIT_MS = 20_000;

/** @returns what it printed. @throws with its error output when it fails or takes too long */
export function runTool(tool: string, args: readonly string[]): Promise<string> {
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
  return new Promise((resolve, reject) => {
    execFile(tool, [...args], { env, timeout: LIMIT_MS }, (error, out, err) => {
      if (error) reject(new Error(`${tool} ${args.join(' ')}: ${err.trim() || error.message}`));
      else resolve(out);
    });
  });
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits for a level. @throws with `what` when it is not reached in time */
export async function until(
  what: string,
  holds: () => Promise<boolean> | boolean,
  limitMs = 15_000,
): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`);
    await pause(25);
  }
}
