import type { InstanceStatus } from '@drover/client';
import { confirm } from '../ask.ts';
import type { Call, ClientFlags } from '../call.ts';
import { connect } from '../connect.ts';
import { UsageError } from '../errors.ts';
import { printJson } from '../output.ts';
import { forEachRef } from './each.ts';
import { labelOf } from './shown.ts';

interface Flags extends ClientFlags {
  readonly all?: boolean;
  readonly status?: InstanceStatus;
  readonly yes?: boolean;
}

/** `drover instance delete REF...`, or `--all` of them. */
export async function remove(call: Call): Promise<number> {
  const flags = call.command.opts<Flags>();
  const { terminal, args } = call;
  if (flags.all && args.length > 0) throw new UsageError('either instances or --all');
  if (!flags.all && args.length === 0) throw new UsageError('name instances, or say --all');
  if (!flags.all && flags.status) throw new UsageError('--status goes with --all');
  const client = await connect(call);
  if (flags.all) {
    const which = flags.status ? `all ${flags.status} instances` : 'all instances, running ones too,';
    if (!(await confirm(call, `Delete ${which} of ${client.url}?`, flags.yes))) return 1;
    const deleted = await client.instances.deleteAll({ status: flags.status });
    if (flags.json) printJson(call, { deleted });
    else terminal.out(`${deleted} deleted; those that run end first`);
    return 0;
  }
  return await forEachRef(call, args, async (ref) => {
    const left = await client.instances.delete(ref);
    if (flags.json) terminal.out(JSON.stringify({ ref, deleted: left === null, instance: left }));
    else if (left === null) terminal.out(`${ref} deleted`);
    else terminal.out(`${labelOf(left)} is being cancelled; its record goes at its end`);
  });
}
