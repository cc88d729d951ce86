import type { Call } from '../call.ts';
import { connect } from '../connect.ts';
import { forEachRef } from '../instance/each.ts';
import { wantsJson } from '../output.ts';

/** `drover join-token delete ID...`: nobody joins with it any more; who has joined stays. */
export async function remove(call: Call): Promise<number> {
  const client = await connect(call);
  return await forEachRef(call, call.args, async (id) => {
    await client.joinTokens.delete(id);
    call.terminal.out(wantsJson(call) ? JSON.stringify({ id, deleted: true }) : `${id} deleted`);
  });
}
