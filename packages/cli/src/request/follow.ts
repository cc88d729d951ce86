/** A request on the screen: its lines as they come, then its result; Ctrl-C leaves it to the head. */
import type { RequestFuture } from '@drover/client';
import type { Call } from '../call.ts';
import { untilInterrupted } from '../instance/follow.ts';
import { shortId } from '../instance/shown.ts';
import { oneLine } from '../text/sanitize.ts';

/** A line of a log: harmless for a terminal, untouched into a pipe. */
export const printLine = (call: Call, line: string): void =>
  call.terminal.out(call.terminal.outIsTty ? oneLine(line.replace(/\n$/, '')) : line.replace(/\n$/, ''));

/** What to do with a request that goes on without this process. */
export function sayHowToReattach(call: Call, url: string, id: string): void {
  const ref = shortId(id);
  call.terminal.say(
    `\nrequest ${ref} goes on\n  watch it:  drover request logs ${ref}\n  or open:   ${url}/v1/requests/${id}/log\n  cancel it: drover request cancel ${ref}`,
  );
}

/**
 * Shows it to its end. Its lines are data of the program's doings: with `--json` they go nowhere.
 * @returns its result, or the exit code when a signal came first
 */
export async function followRequest<T>(
  call: Call,
  url: string,
  future: RequestFuture<T>,
  json: boolean | undefined,
): Promise<{ readonly value: T } | { readonly exitCode: number }> {
  const outcome = await untilInterrupted(async (signal) => {
    if (json) return await future.get({ signal });
    return await future.streamAndGet((line) => printLine(call, line), { signal });
  });
  if ('exitCode' in outcome) sayHowToReattach(call, url, future.id);
  return outcome;
}
