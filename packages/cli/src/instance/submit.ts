import type { Client, InstanceView } from '@drover/client';
import { isUuid } from '@drover/core';
import type { Call, ClientFlags } from '../call.ts';
import { UsageError } from '../errors.ts';
import { openHead } from '../herd/open-head.ts';
import { printJson } from '../output.ts';
import { followTo, untilInterrupted } from './follow.ts';
import { describeEnd, exitCodeOfInstance, labelOf, refOf, shortId } from './shown.ts';
import { buildSubmission, type SubmitFlags } from './submission.ts';

type Flags = SubmitFlags & ClientFlags & { readonly wait?: boolean; readonly follow?: boolean };

/** `drover submit`. Prints the id; with `--wait` or `-f` exits with the instance's code. */
export async function submit(call: Call): Promise<number> {
  const flags = call.command.opts<Flags>();
  const { terminal } = call;
  if (flags.follow && flags.json) {
    throw new UsageError('--follow and --json both write to standard output', 'use --wait --json');
  }
  const body = await buildSubmission(call.args, call.argv, flags, call.env);
  const { client, patient } = await openHead(call, flags);
  if (body.targetWorker != null && !isUuid(body.targetWorker)) {
    body.targetWorker = (await client.workers.get(body.targetWorker)).id;
  }
  const view = await client.instances.submit(body);
  if (!flags.follow && !(flags.wait && flags.json)) {
    if (flags.json) printJson(call, view);
    else terminal.out(view.id);
  }
  if (flags.follow) terminal.say(`instance ${labelOf(view)}`);
  else if (!flags.wait && terminal.errIsTty && !flags.json) terminal.say(whatNow(view));
  if (!flags.follow && !flags.wait) return 0;
  return await untilEnd(call, flags, patient, view);
}

async function untilEnd(call: Call, flags: Flags, client: Client, view: InstanceView): Promise<number> {
  const { terminal } = call;
  const left = (code: number): number => {
    const ref = shortId(view.id);
    terminal.say(
      `\nno longer waiting; ${labelOf(view)} goes on\n  watch it: drover logs -f ${ref}\n  end it:   drover cancel ${ref}`,
    );
    return code;
  };
  if (flags.follow) {
    const interrupted = await followTo(call, client, view, {});
    if (interrupted !== null) return left(interrupted);
  }
  const outcome = await untilInterrupted((signal) => client.instances.wait(view.id, { signal }));
  if ('exitCode' in outcome) return left(outcome.exitCode);
  const end = outcome.value;
  if (flags.json) printJson(call, end);
  const code = exitCodeOfInstance(end);
  if (!flags.json && (code !== 0 || terminal.errIsTty)) terminal.say(describeEnd(end));
  return code;
}

const whatNow = (view: InstanceView): string => {
  const waits = view.reason !== null && view.status === 'PENDING' ? `waits: ${view.reason.message}\n` : '';
  const ref = refOf(view);
  return `${waits}watch it: drover logs -f ${ref}`;
};
