/** One call of `bin/drover` that ends by itself. */
import { spawn } from 'node:child_process';
import { DROVER } from '../e2e/real-herd.ts';

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** @param env beside that of this process, but for what belongs to Drover */
export function runDrover(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  const own = Object.entries(process.env).filter(([key]) => !/^(DROVER|XDG)_/.test(key));
  const child = spawn(DROVER, [...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...Object.fromEntries(own), XDG_CONFIG_HOME: '/nonexistent', ...env },
  });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err })));
}
