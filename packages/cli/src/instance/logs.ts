import type { Client, InstanceView } from '@drover/client';
import type { Call, ClientFlags } from '../call.ts';
import { connect, PATIENT_MS } from '../connect.ts';
import { UsageError } from '../errors.ts';
import { followTo, logSink } from './follow.ts';
import { describeEnd, refOf } from './shown.ts';

interface Flags extends ClientFlags {
  readonly follow?: boolean;
  readonly tail?: number;
  readonly offset?: number;
  readonly attempt?: number;
}

/** A log may be larger than memory: it is read in parts of so many bytes. */
const PART_BYTES = 4 * 1024 * 1024;

/** `drover logs REF`. Raw bytes into a pipe; a terminal gets no control characters. */
export async function logs(call: Call): Promise<number> {
  const flags = call.command.opts<Flags>();
  if (flags.json) throw new UsageError('a log is bytes: there is no --json for it');
  const ref = call.args[0] ?? '';
  const client = await connect(call);
  const view = await client.instances.get(ref);
  if (!flags.follow) {
    await printOnce(call, client, view, flags);
    return 0;
  }
  const { tail, offset, attempt } = flags;
  const patient = await connect(call, PATIENT_MS);
  const interrupted = await followTo(call, patient, view, { tail, offset, attempt });
  if (interrupted !== null) {
    call.terminal.say(`\nstopped following; ${refOf(view)} is not touched`);
    return interrupted;
  }
  if (call.terminal.errIsTty) {
    const end = await patient.instances.get(view.id).catch(() => null);
    if (end?.endedAt) call.terminal.say(describeEnd(end));
  }
  return 0;
}

async function printOnce(call: Call, client: Client, view: InstanceView, flags: Flags): Promise<void> {
  const sink = logSink(call.terminal);
  const { attempt } = flags;
  if (flags.tail !== undefined) {
    await sink.push(await client.instances.logs(view.id, { tail: flags.tail, attempt }));
  } else {
    // What was dropped from the front must not be counted as read.
    const kept = attempt === undefined || attempt === view.attempt ? (view.log?.available ?? 0) : 0;
    let offset = Math.max(flags.offset ?? 0, kept);
    for (;;) {
      const part = await client.instances.logs(view.id, { offset, limit: PART_BYTES, attempt });
      await sink.push(part);
      offset += part.length;
      if (part.length < PART_BYTES) break;
    }
  }
  await sink.end();
}
