import type { Call, ClientFlags } from '../call.ts';
import { connect } from '../connect.ts';
import { UsageError } from '../errors.ts';
import { printJson } from '../output.ts';
import { chooseClusters } from './choose.ts';

interface Flags extends ClientFlags {
  readonly all?: boolean;
  readonly idleMinutes?: number;
  readonly down?: boolean;
  readonly cancel?: boolean;
  readonly waitFor?: 'jobs' | 'none';
}

/** Idle minutes when nothing is said. */
const DEFAULT_MINUTES = 5;

/** `drover cluster autostop`. */
export async function autostop(call: Call): Promise<number> {
  const flags = call.command.opts<Flags>();
  if (flags.cancel && flags.idleMinutes !== undefined)
    throw new UsageError('--cancel and --idle-minutes exclude each other');
  const client = await connect(call);
  const chosen = await chooseClusters(client, call.args, flags.all);
  const idleMinutes = flags.idleMinutes ?? DEFAULT_MINUTES;
  const setting = flags.cancel
    ? null
    : { idleMinutes, down: flags.down ?? false, waitFor: flags.waitFor ?? ('jobs' as const) };
  for (const { name } of chosen) {
    const view = await client.clusters.autostop(name, setting);
    if (flags.json) printJson(call, view);
    else if (setting === null) call.terminal.out(`${name}: autostop is cancelled`);
    else
      call.terminal.out(
        `${name}: ${setting.down ? 'torn down' : 'stopped'} after ${idleMinutes} idle minutes`,
      );
  }
  return 0;
}
