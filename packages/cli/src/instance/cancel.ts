import type { Call, ClientFlags } from '../call.ts';
import { connect, PATIENT_MS } from '../connect.ts';
import { forEachRef } from './each.ts';
import { describeEnd, labelOf } from './shown.ts';

interface Flags extends ClientFlags {
  readonly grace?: number;
  readonly wait?: boolean;
}

/** `drover cancel REF...`. With `--json` one line for each. */
export async function cancel(call: Call): Promise<number> {
  const flags = call.command.opts<Flags>();
  const { terminal } = call;
  const client = await connect(call);
  const patient = flags.wait ? await connect(call, PATIENT_MS) : client;
  return await forEachRef(call, call.args, async (ref) => {
    let view = await client.instances.cancel(ref, { graceMs: flags.grace });
    if (flags.wait) view = await patient.instances.wait(view.id);
    if (flags.json) terminal.out(JSON.stringify(view));
    else if (view.endedAt !== null) terminal.out(describeEnd(view));
    else terminal.out(`${labelOf(view)} is being cancelled`);
  });
}
