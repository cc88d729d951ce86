import type { Call, ClientFlags } from '../call.ts';
import { connect, PATIENT_MS } from '../connect.ts';
import { type TaskFlags, taskFromFlags } from '../task/from-flags.ts';
import { sendFiles } from '../task/send.ts';
import { commandOf } from './command-of.ts';
import { finish, type RunFlags } from './run-job.ts';

interface Flags extends ClientFlags, TaskFlags, RunFlags {
  readonly json?: boolean;
  readonly down?: boolean;
  readonly dryrun?: boolean;
}

/** `drover exec CLUSTER TASK...`. Exits with what stands for the job. */
export async function exec(call: Call): Promise<number> {
  const flags = call.command.opts<Flags>();
  const [cluster = '', ...words] = call.args;
  const task = await taskFromFlags(call, words, flags);
  const client = await connect(call, PATIENT_MS);
  // Unknown or not UP: said before anything is sent.
  await client.clusters.get(cluster);
  const spec = await task.toSpec(sendFiles(call, client));
  const body = { task: spec, down: flags.down ?? false, dryrun: flags.dryrun ?? false };
  const command = commandOf(call);
  return await finish(call, client, await client.clusters.exec(cluster, body, { command }), flags);
}
