import { resolve } from 'node:path';
import type { Call } from '../call.ts';
import { UsageError } from '../errors.ts';
import { tableOf } from '../settings/file.ts';
import { headFolder } from '../settings/state.ts';

/** The address after `--store`; null for SQLite in the state folder. It is not repeated: it may hold a password. @throws {UsageError} */
export function checkStore(store: string | undefined): string | null {
  if (store === undefined || store === '' || store === 'sqlite') return null;
  if (/^postgres(ql)?:\/\//i.test(store)) return store;
  throw new UsageError(
    '--store: expected sqlite, or postgres://USER:PASSWORD@HOST:PORT/DATABASE',
    'DROVER_STORE keeps a password out of the list of processes',
  );
}

/** Where the state of a head lies, for a verb beside it: said as to the head itself, or as the head finds it. @throws {UsageError} */
export function statePlace(call: Call): { state: string; store: string | null } {
  const flags = call.command.opts<{ state?: string; store?: string }>();
  const stored = tableOf(call.config, 'head')?.['store'];
  const store =
    flags.store ?? (call.env['DROVER_STORE'] || (stored === undefined ? undefined : String(stored)));
  return { state: resolve(flags.state || headFolder(call.env)), store: checkStore(store) };
}
