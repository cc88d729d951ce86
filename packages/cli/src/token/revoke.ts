import type { Call } from '../call.ts';
import { connect } from '../connect.ts';
import { forEachRef } from '../instance/each.ts';
import { wantsJson } from '../output.ts';

/** `drover token revoke ID...`. */
export async function revoke(call: Call): Promise<number> {
  const client = await connect(call);
  return await forEachRef(call, call.args, async (id) => {
    await client.tokens.revoke(id);
    call.terminal.out(wantsJson(call) ? JSON.stringify({ id, revoked: true }) : `${id} revoked`);
  });
}
