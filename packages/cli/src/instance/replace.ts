import type { Call } from '../call.ts';
import { connect } from '../connect.ts';
import { wantsJson } from '../output.ts';
import { forEachRef } from './each.ts';
import { labelOf } from './shown.ts';

/** `drover instance replace REF...`. With `--json` one line for each. */
export async function replace(call: Call): Promise<number> {
  const client = await connect(call);
  return await forEachRef(call, call.args, async (ref) => {
    const view = await client.instances.replace(ref);
    const shown = `${labelOf(view)}  ${view.displayStatus}  ${view.reason?.message ?? ''}`;
    call.terminal.out(wantsJson(call) ? JSON.stringify(view) : shown.trimEnd());
  });
}
