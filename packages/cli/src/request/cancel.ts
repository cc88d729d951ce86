import { confirm } from '../ask.ts';
import type { Call, ClientFlags } from '../call.ts';
import { connect } from '../connect.ts';
import { UsageError } from '../errors.ts';
import { shortId } from '../instance/shown.ts';
import { printJson } from '../output.ts';

interface Flags extends ClientFlags {
  readonly all?: boolean;
  readonly allUsers?: boolean;
  readonly yes?: boolean;
}

/** `drover request cancel [REQUEST...]`. */
export async function cancel(call: Call): Promise<number> {
  const flags = call.command.opts<Flags>();
  const wide = flags.all || flags.allUsers;
  if (call.args.length === 0 && !wide) throw new UsageError('name requests, or say --all');
  if (call.args.length > 0 && wide) throw new UsageError('ids and --all exclude each other');
  const who = flags.allUsers ? 'everybody' : 'yours';
  if (wide && !(await confirm(call, `Cancel all requests of ${who} that are under way?`, flags.yes)))
    return 1;
  const client = await connect(call);
  const ids = await client.requests.cancel({
    ids: call.args,
    all: flags.all ?? false,
    allUsers: flags.allUsers ?? false,
  });
  if (flags.json) printJson(call, { ids });
  else if (ids.length === 0) call.terminal.say('nothing to cancel: they have ended');
  else for (const id of ids) call.terminal.out(`${shortId(id)} is cancelled`);
  return 0;
}
