import { confirm } from '../ask.ts';
import type { Call, ClientFlags } from '../call.ts';
import { connect } from '../connect.ts';
import { UsageError } from '../errors.ts';
import { forEachRef } from '../instance/each.ts';
import { printJson } from '../output.ts';

/** `drover worker delete REF...`, or `--all-offline`. */
export async function remove(call: Call): Promise<number> {
  const flags = call.command.opts<ClientFlags & { readonly allOffline?: boolean; readonly yes?: boolean }>();
  const { args, terminal } = call;
  if (flags.allOffline && args.length > 0) throw new UsageError('either workers or --all-offline');
  if (!flags.allOffline && args.length === 0) throw new UsageError('name workers, or say --all-offline');
  const client = await connect(call);
  if (flags.allOffline) {
    if (!(await confirm(call, `Forget all OFFLINE workers of ${client.url}?`, flags.yes))) return 1;
    const deleted = await client.workers.deleteAllOffline();
    if (flags.json) printJson(call, { deleted });
    else terminal.out(`${deleted} deleted`);
    return 0;
  }
  return await forEachRef(call, args, async (ref) => {
    await client.workers.delete(ref);
    terminal.out(flags.json ? JSON.stringify({ ref, deleted: true }) : `${ref} deleted`);
  });
}
