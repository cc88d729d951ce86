import { resolve } from 'node:path';
import type { Call } from '../call.ts';
import { printJson } from '../output.ts';
import { statePlace } from './store.ts';

/** `drover head restore FILE`. */
export async function restore(call: Call): Promise<number> {
  const flags = call.command.opts<{ readonly json?: boolean; readonly replace?: boolean }>();
  const file = resolve(call.args[0] ?? '');
  const place = statePlace(call);
  const done = await call.hooks.runRestore({ ...place, file, replace: flags.replace ?? false });
  const { rows, logs, epoch, setAside, header } = done;
  if (flags.json) {
    const { herd, rev, at } = header;
    printJson(call, { file, state: place.state, rows, logs, herd, epoch, rev, at, setAside });
    return 0;
  }
  call.terminal.out(`restored ${rows} rows of ${header.at} to ${place.state}`);
  for (const each of setAside) call.terminal.out(`what was there is now in ${each}`);
  call.terminal.say(
    'drover: start the head as before; what has run since the backup is kept and shown when its worker connects',
  );
  return 0;
}
