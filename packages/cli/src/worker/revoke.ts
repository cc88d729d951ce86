import { confirm } from '../ask.ts';
import type { Call, ClientFlags } from '../call.ts';
import { connect } from '../connect.ts';
import { printJson } from '../output.ts';

/** `drover worker revoke REF`: for a machine in wrong hands. */
export async function revoke(call: Call): Promise<number> {
  const flags = call.command.opts<ClientFlags & { readonly yes?: boolean }>();
  const { args, terminal } = call;
  const [ref = ''] = args;
  const question = `Cut worker ${ref} off for good? What runs there goes the way of a lost worker.`;
  if (!(await confirm(call, question, flags.yes))) return 1;
  const client = await connect(call);
  const view = await client.workers.revoke(ref);
  if (flags.json) printJson(call, view);
  else {
    terminal.out(`${ref} is cut off: nobody is let in with its identity`);
    terminal.say(
      `when it shows OFFLINE, "drover worker delete ${ref}" forgets it; the machine then joins anew`,
    );
  }
  return 0;
}
