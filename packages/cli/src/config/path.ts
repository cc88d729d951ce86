import type { Call } from '../call.ts';

/** `drover config path`. */
export async function path(call: Call): Promise<number> {
  call.terminal.out(call.config.path);
  return 0;
}
