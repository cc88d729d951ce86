import type { EventView } from '@drover/client';
import type { Call, ClientFlags } from '../call.ts';
import { locateHead, openClient, PATIENT_MS } from '../connect.ts';
import { untilInterrupted } from '../instance/follow.ts';
import { shortId } from '../instance/shown.ts';
import { oneLine } from '../text/sanitize.ts';
import { pad } from '../text/width.ts';
import { oldestRevision } from './oldest.ts';

interface Flags extends ClientFlags {
  readonly follow?: boolean;
  readonly after?: number;
  readonly noun?: string;
  readonly id?: string;
}

/** The head has no mark for "that was all": after so long without an event the past is over. */
const QUIET_MS = 400;

/** `drover events`: what the head remembers, or with `-f` what happens from now on. JSON comes a line for each. */
export async function events(call: Call): Promise<number> {
  const flags = call.command.opts<Flags>();
  const { follow, noun, id } = flags;
  const found = await locateHead(flags, call.env);
  const client = openClient(found, follow ? PATIENT_MS : undefined);
  const { rev } = await client.head.get();
  const after = flags.after ?? (follow ? rev : await oldestRevision(found, rev));
  if (!follow && after >= rev) return 0;
  const quiet = new AbortController();
  const outcome = await untilInterrupted(async (interrupt) => {
    let timer = follow ? undefined : setTimeout(() => quiet.abort(), QUIET_MS * 5);
    try {
      const signal = AbortSignal.any([interrupt, quiet.signal]);
      for await (const event of client.events.follow({ after, noun, id, signal })) {
        if (!follow && event.rev > rev) break;
        call.terminal.out(flags.json ? JSON.stringify(event) : lineOf(event));
        if (timer !== undefined) {
          clearTimeout(timer);
          timer = setTimeout(() => quiet.abort(), QUIET_MS);
        }
        if (!follow && event.rev === rev && noun === undefined && id === undefined) break;
      }
    } catch (error) {
      if (!quiet.signal.aborted) throw error;
    } finally {
      clearTimeout(timer);
    }
  });
  return 'exitCode' in outcome ? outcome.exitCode : 0;
}

function lineOf(event: EventView): string {
  const who = event.name === null ? shortId(event.id) : `${event.name} (${shortId(event.id)})`;
  const move =
    event.from === event.to ? '' : ` ${[event.from, event.to].filter((part) => part !== null).join(' -> ')}`;
  const why = event.reason === null ? '' : `: ${event.reason.message}`;
  return oneLine(`${event.at}  ${pad(event.noun, 9)} ${who} ${event.type}${move}${why} [${event.actor}]`);
}
