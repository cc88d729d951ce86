import type { LaunchBodyInput } from '@drover/client';
import { type Client, isDroverError, type Task } from '@drover/client';
import { confirm } from '../ask.ts';
import type { Call, ClientFlags } from '../call.ts';
import { openHead } from '../herd/open-head.ts';
import { type TaskFlags, taskFromFlags } from '../task/from-flags.ts';
import { sendFiles } from '../task/send.ts';
import { commandOf } from './command-of.ts';
import { finish, type RunFlags } from './run-job.ts';

interface Flags extends ClientFlags, TaskFlags, RunFlags {
  readonly json?: boolean;
  readonly cluster?: string;
  readonly idleMinutesToAutostop?: number;
  readonly down?: boolean;
  readonly retryUntilUp?: boolean;
  readonly dryrun?: boolean;
  readonly setup?: boolean;
  readonly fast?: boolean;
  readonly optimize?: 'cost' | 'time';
  readonly yes?: boolean;
}

/** `drover launch`. Exits with what stands for the job: 0, 100 failed, 103 cancelled. */
export async function launch(call: Call): Promise<number> {
  const flags = call.command.opts<Flags>();
  const task = await taskFromFlags(call, call.args, flags);
  const { patient: client } = await openHead(call, flags);
  if (!flags.dryrun && !(await agrees(call, client, flags, task))) return 1;
  const spec = await task.toSpec(sendFiles(call, client));
  const idleMinutes = flags.idleMinutesToAutostop;
  const body: LaunchBodyInput = {
    task: spec,
    cluster: flags.cluster ?? null,
    retryUntilUp: flags.retryUntilUp ?? false,
    autostop: idleMinutes === undefined ? null : { idleMinutes, down: flags.down ?? false },
    down: flags.down ?? false,
    dryrun: flags.dryrun ?? false,
    optimize: flags.optimize ?? 'cost',
    noSetup: flags.setup === false,
    fast: flags.fast ?? false,
  };
  const command = commandOf(call);
  return await finish(call, client, await client.clusters.launch(body, { command }), flags);
}

/** A new cluster is asked about, with the table of what was considered. */
async function agrees(call: Call, client: Client, flags: Flags, task: Task): Promise<boolean> {
  if (flags.yes || flags.async || !call.terminal.canAsk) return true;
  const { cluster } = flags;
  const there = cluster === undefined ? null : await client.clusters.get(cluster).catch(notThere);
  if (there?.status === 'UP') return true;
  if (there?.status === 'STOPPED') return await confirm(call, `Start cluster ${cluster} again?`, false);
  const spec = await task.toSpec(async () => ({ tree: '0'.repeat(64) }));
  const { optimize } = flags;
  const plan = await client.clusters.plan({ resources: spec.resources, numNodes: spec.numNodes, optimize });
  if (!plan.feasible) return true;
  call.terminal.say(plan.table);
  return await confirm(
    call,
    `Launch ${cluster === undefined ? 'a new cluster' : `cluster ${cluster}`}?`,
    false,
  );
}

function notThere(error: unknown): null {
  if (isDroverError(error) && error.code === 'CLUSTER_NOT_FOUND') return null;
  throw error;
}
