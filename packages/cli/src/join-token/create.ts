import type { Call, ClientFlags } from '../call.ts';
import { connect } from '../connect.ts';
import { headFor } from '../herd/elsewhere.ts';
import { printJson } from '../output.ts';

/** `drover join-token create`. The token is the only line on standard output; how it is used stands beside it. */
export async function create(call: Call): Promise<number> {
  const flags = call.command.opts<
    ClientFlags & { readonly ttl?: number; readonly uses?: number; readonly pool?: string }
  >();
  const client = await connect(call);
  // Before the token is made: nothing that fails after it may keep it from being shown.
  const { url, caFlag, note } = await headFor(call, client);
  const made = await client.joinTokens.create({
    ...(flags.ttl !== undefined && { ttlS: Math.ceil(flags.ttl / 1000) }),
    ...(flags.uses !== undefined && { uses: flags.uses }),
    ...(flags.pool !== undefined && { pool: flags.pool }),
  });
  const command = `drover worker --head ${url} --join-token ${made.token}${caFlag}`;
  if (flags.json) printJson(call, { ...made, command });
  else {
    call.terminal.out(made.token);
    if (call.terminal.errIsTty) {
      call.terminal.say(`valid until ${made.expiresAt}, for ${made.uses} workers of pool ${made.pool}`);
      call.terminal.say(`on ${note === null ? 'the other' : 'this'} machine: ${command}`);
      if (note !== null) call.terminal.say(note);
    }
  }
  return 0;
}
