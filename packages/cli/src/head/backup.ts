import { resolve } from 'node:path';
import type { Call } from '../call.ts';
import { printJson } from '../output.ts';
import { statePlace } from './store.ts';

interface Flags {
  readonly json?: boolean;
  readonly withLogs?: boolean;
  readonly replace?: boolean;
}

/** `drover head backup FILE`. */
export async function backup(call: Call): Promise<number> {
  const flags = call.command.opts<Flags>();
  const { file, bytes, rows, header } = await call.hooks.runBackup({
    ...statePlace(call),
    file: resolve(call.args[0] ?? ''),
    withLogs: flags.withLogs ?? false,
    replace: flags.replace ?? false,
  });
  const { herd, epoch, rev, batch, at, store } = header;
  if (flags.json) printJson(call, { file, bytes, rows, herd, epoch, rev, batch, at, store });
  else {
    call.terminal.out(`${file}: ${rows} rows, ${bytes} bytes`);
    call.terminal.out(`herd ${herd ?? '(none yet)'} at revision ${rev}, epoch ${epoch}, ${at}`);
    call.terminal.say('drover: it holds the admin token: keep it as you keep that');
  }
  return 0;
}
