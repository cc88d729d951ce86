import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Env } from '../call.ts';

/** The folder of what runs on this machine: `DROVER_STATE`, else `drover` below the XDG state folder. */
export function stateRoot(env: Env): string {
  if (env.DROVER_STATE) return resolve(env.DROVER_STATE);
  return join(env.XDG_STATE_HOME || join(env.HOME || homedir(), '.local/state'), 'drover');
}

/** The head's folder; `DROVER_STATE` may also name it itself, as programs with the SDK do. */
export function headFolder(env: Env): string {
  const root = stateRoot(env);
  const own = join(root, 'head');
  return env.DROVER_STATE && !existsSync(join(own, 'head.json')) && existsSync(join(root, 'head.json'))
    ? root
    : own;
}
