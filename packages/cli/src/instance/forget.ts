import type { Call } from '../call.ts';
import { connect } from '../connect.ts';
import { wantsJson } from '../output.ts';
import { forEachRef } from './each.ts';
import { describeEnd } from './shown.ts';

/** `drover instance forget REF...`. With `--json` one line for each. */
export async function forget(call: Call): Promise<number> {
  const client = await connect(call);
  return await forEachRef(call, call.args, async (ref) => {
    const view = await client.instances.forget(ref);
    call.terminal.out(wantsJson(call) ? JSON.stringify(view) : describeEnd(view));
  });
}
