/** `drover job logs CLUSTER [JOB]`. Exits with what stands for the job: 0, 100, 101, 102, 103. */

import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Client } from '@drover/client';
import { exitCodeOfJob, JOB_EXIT } from '@drover/core';
import type { Call, ClientFlags } from '../call.ts';
import { connect, PATIENT_MS } from '../connect.ts';
import { UsageError } from '../errors.ts';
import { untilInterrupted } from '../instance/follow.ts';
import { printJson } from '../output.ts';
import { printLine } from '../request/follow.ts';

interface Flags extends ClientFlags {
  readonly follow?: boolean;
  readonly tail?: number;
  readonly status?: boolean;
  readonly syncDown?: boolean;
  readonly output?: string;
}

export async function logs(call: Call): Promise<number> {
  const flags = call.command.opts<Flags>();
  const [cluster = '', number] = call.args;
  const job = number === undefined ? null : numberOf(number);
  const client = await connect(call, PATIENT_MS);
  if (flags.status) {
    const status = await client.jobs.status(cluster, job);
    if (flags.json) printJson(call, { jobId: job, status });
    else call.terminal.out(status ?? 'no such job');
    return exitCodeOfJob(status);
  }
  if (flags.syncDown) return await syncDown(call, client, cluster, job, flags.output ?? '.');
  const options = { follow: flags.follow ?? true, ...(flags.tail !== undefined && { tail: flags.tail }) };
  const outcome = await untilInterrupted((signal) =>
    client.jobs.tail(cluster, job, (line) => printLine(call, line), { ...options, signal }),
  );
  if (!('exitCode' in outcome)) {
    if (outcome.value === JOB_EXIT.notFound)
      call.terminal.say(`cluster ${cluster} has no job${job === null ? '' : ` ${job}`}`);
    return outcome.value;
  }
  call.terminal.say(`\nthe job goes on; end it: drover job cancel ${cluster} ${job ?? ''}`.trimEnd());
  return outcome.exitCode;
}

export function numberOf(text: string): number {
  if (!/^\d{1,9}$/.test(text))
    throw new UsageError(`"${text}" is no number of a job`, '"drover job list" shows them');
  return Number(text);
}

/** One file for each node: `<cluster>-job-<number>/node-<rank>.log`. */
async function syncDown(
  call: Call,
  client: Client,
  cluster: string,
  number: number | null,
  output: string,
): Promise<number> {
  const { folder } = await client.jobs.downloadLogs(cluster, number, {
    mkdir: async (name) => {
      await mkdir(join(output, name), { recursive: true });
    },
    write: async (name, chunks) =>
      await pipeline(Readable.from(chunks, { objectMode: false }), createWriteStream(join(output, name))),
  });
  call.terminal.out(join(output, folder));
  return 0;
}
