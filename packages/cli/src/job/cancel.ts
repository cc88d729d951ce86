import { confirm } from '../ask.ts';
import type { Call, ClientFlags } from '../call.ts';
import { connect } from '../connect.ts';
import { UsageError } from '../errors.ts';
import { printJson } from '../output.ts';
import { numberOf } from './logs.ts';

interface Flags extends ClientFlags {
  readonly all?: boolean;
  readonly allUsers?: boolean;
  readonly yes?: boolean;
}

/** `drover job cancel CLUSTER [JOB...]`. */
export async function cancel(call: Call): Promise<number> {
  const flags = call.command.opts<Flags>();
  const [cluster = '', ...words] = call.args;
  const jobIds = words.map(numberOf);
  if (jobIds.length > 0 && (flags.all || flags.allUsers))
    throw new UsageError('numbers and --all exclude each other');
  const client = await connect(call);
  const what = flags.allUsers
    ? 'all jobs of everybody'
    : flags.all
      ? 'all of your jobs'
      : 'the newest job that has not ended';
  if (jobIds.length === 0 && !(await confirm(call, `Cancel ${what} on ${cluster}?`, flags.yes))) return 1;
  const cancelled = await client.jobs.cancel(cluster, {
    ...(jobIds.length > 0 && { jobIds }),
    all: flags.all ?? false,
    allUsers: flags.allUsers ?? false,
  });
  if (flags.json) printJson(call, { jobIds: cancelled });
  else if (cancelled.length === 0) call.terminal.say('nothing to cancel: they have ended, or do not exist');
  else call.terminal.out(`being cancelled: ${cancelled.join(', ')}`);
  return 0;
}
