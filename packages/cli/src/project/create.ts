import type { Call, ClientFlags } from '../call.ts';
import { connect } from '../connect.ts';
import { printJson } from '../output.ts';
import { type QuotaFlags, quotasOf } from './quotas.ts';

type Flags = ClientFlags & QuotaFlags & { readonly open?: boolean; readonly description?: string };

/** `drover project create NAME`. */
export async function create(call: Call): Promise<number> {
  const flags = call.command.opts<Flags>();
  const client = await connect(call);
  const view = await client.projects.create({
    name: call.args[0] ?? '',
    private: !flags.open,
    ...(flags.description !== undefined && { description: flags.description }),
    quotas: quotasOf(flags),
  });
  if (flags.json) printJson(call, view);
  else {
    const who = view.private
      ? `let users in with "drover project add-member ${view.name} USER"`
      : 'it is for all users';
    call.terminal.out(`project ${view.name} was made; ${who}`);
  }
  return 0;
}
