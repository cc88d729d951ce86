import type { Call, ClientFlags } from '../call.ts';
import { connect, PATIENT_MS } from '../connect.ts';
import { untilInterrupted } from '../instance/follow.ts';
import { printLine, sayHowToReattach } from './follow.ts';

interface Flags extends ClientFlags {
  readonly follow?: boolean;
  readonly tail?: number;
}

/** `drover request logs [REQUEST]`. When it follows, its failure is this program's. */
export async function logs(call: Call): Promise<number> {
  const flags = call.command.opts<Flags>();
  const client = await connect(call, PATIENT_MS);
  const { id } = await client.requests.view(call.args[0] ?? null);
  const follow = flags.follow ?? true;
  const outcome = await untilInterrupted(async (signal) => {
    const options = { follow, signal, ...(flags.tail !== undefined && { tail: flags.tail }) };
    for await (const line of client.requests.stream(id, options)) printLine(call, line);
    if (follow) await client.requests.get(id, { signal });
    return 0;
  });
  if (!('exitCode' in outcome)) return outcome.value;
  sayHowToReattach(call, client.url, id);
  return outcome.exitCode;
}
