/** What `launch` and `exec` share: the request, then the job. */
import type { Client, Launched, RequestFuture } from '@drover/client';
import type { Call } from '../call.ts';
import { untilInterrupted } from '../instance/follow.ts';
import { printJson } from '../output.ts';
import { followRequest, printLine } from '../request/follow.ts';

export interface RunFlags {
  readonly json?: boolean;
  readonly async?: boolean;
  readonly detachRun?: boolean;
}

/** @returns 0, or what stands for the job: 100 failed, 103 cancelled */
export async function finish(
  call: Call,
  client: Client,
  future: RequestFuture<Launched>,
  flags: RunFlags,
): Promise<number> {
  const { terminal } = call;
  if (flags.async) {
    if (flags.json) printJson(call, { request: future.id });
    else terminal.out(future.id);
    return 0;
  }
  const outcome = await followRequest(call, client.url, future, flags.json);
  if ('exitCode' in outcome) return outcome.exitCode;
  const { jobId, cluster } = outcome.value;
  if (flags.json) {
    printJson(call, { request: future.id, jobId, cluster });
    return 0;
  }
  if (cluster === null) return 0;
  if (jobId === null) {
    terminal.say(
      `cluster ${cluster} is UP\n  run on it: drover exec ${cluster} ...\n  remove it: drover cluster down ${cluster}`,
    );
    return 0;
  }
  const hint = `  its output: drover job logs ${cluster} ${jobId}\n  end it:     drover job cancel ${cluster} ${jobId}\n  remove all: drover cluster down ${cluster}`;
  if (flags.detachRun) {
    terminal.say(`job ${jobId} on cluster ${cluster}\n${hint}`);
    return 0;
  }
  terminal.say(`job ${jobId} on cluster ${cluster}`);
  const followed = await untilInterrupted(
    async (signal) => await client.jobs.tail(cluster, jobId, (line) => printLine(call, line), { signal }),
  );
  if ('exitCode' in followed) {
    terminal.say(`\njob ${jobId} goes on\n${hint}`);
    return followed.exitCode;
  }
  return followed.value;
}
