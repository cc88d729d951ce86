import { exitCodeOfJob, isDroverError, isJobFinal, type JobStatus } from '@drover/core';
import type { ClusterJobView, InstanceView } from '@drover/core/wire';
import { segment } from '../transport/target.ts';
import type { Transport } from '../transport/transport.ts';
import { readLog } from './log-read.ts';
import type { CallOptions } from './options.ts';
import { linesOf } from './requests.ts';
import { resumed } from './seen-lines.ts';

export interface JobLogOptions extends CallOptions {
  /** Goes on until the job ends. Default true. */
  readonly follow?: boolean | undefined;
  /** So many lines from the end; default: all. */
  readonly tail?: number | undefined;
}

/** `client.jobs`: the jobs of a cluster. `number` null names the newest. Calls throw CLUSTER_NOT_FOUND, JOB_NOT_FOUND. */
export class Jobs {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Newest first. */
  async list(
    cluster: string,
    filter: { skipFinished?: boolean | undefined; allUsers?: boolean | undefined } = {},
    options: CallOptions = {},
  ): Promise<ClusterJobView[]> {
    const { items } = await this.#transport.json<{ items: ClusterJobView[] }>({
      path: `/v1/clusters/${segment(cluster)}/jobs`,
      query: { skipFinished: filter.skipFinished, allUsers: filter.allUsers },
      repeat: 'always',
      signal: options.signal,
    });
    return items;
  }

  async get(cluster: string, number: number | null, options: CallOptions = {}): Promise<ClusterJobView> {
    return await this.#transport.json<ClusterJobView>({
      path: `/v1/clusters/${segment(cluster)}/jobs/${number ?? '-'}`,
      repeat: 'always',
      signal: options.signal,
    });
  }

  /** Null for one that does not exist. */
  async status(cluster: string, number: number | null, options: CallOptions = {}): Promise<JobStatus | null> {
    try {
      return (await this.get(cluster, number, options)).status;
    } catch (error) {
      if (isDroverError(error) && error.code === 'JOB_NOT_FOUND') return null;
      throw error;
    }
  }

  /** Neither numbers nor all: the newest of the caller's that has not ended. @returns those that are ending */
  async cancel(
    cluster: string,
    choice: { jobIds?: readonly number[] | undefined; all?: boolean; allUsers?: boolean } = {},
    options: CallOptions = {},
  ): Promise<number[]> {
    const { jobIds } = await this.#transport.json<{ jobIds: number[] }>({
      method: 'POST',
      path: `/v1/clusters/${segment(cluster)}/jobs/cancel`,
      body: {
        jobIds: choice.jobIds ?? null,
        all: choice.all ?? false,
        allUsers: choice.allUsers ?? false,
      },
      repeat: 'unsent',
      signal: options.signal,
    });
    return jobIds;
  }

  /**
   * The output of all nodes, line by line, each with the prefix of its node. Follows to the end by default. A stream
   * that breaks off is taken up after the lines that have come; one of the last lines only is not.
   */
  async *log(cluster: string, number: number | null, options: JobLogOptions = {}): AsyncGenerator<string> {
    if (options.tail) {
      yield* this.#lines(cluster, number, options);
      return;
    }
    // The newest may be another one when it is read again.
    const job = number ?? (await this.get(cluster, null, options)).jobId;
    yield* resumed(() => this.#lines(cluster, job, options), options.signal);
  }

  async *#lines(cluster: string, number: number | null, options: JobLogOptions): AsyncGenerator<string> {
    const reply = await this.#transport.stream({
      path: `/v1/clusters/${segment(cluster)}/jobs/${number ?? '-'}/log`,
      query: { follow: options.follow ?? true, tail: options.tail },
      headers: { accept: 'text/plain, application/json' },
      repeat: 'always',
      signal: options.signal,
    });
    try {
      yield* linesOf(reply.chunks);
    } finally {
      reply.release();
    }
  }

  /**
   * Writes the output of each node as it is, one file for each: `<cluster>-job-<number>/node-<rank>.log`, and the
   * output of its setup beside it.
   * @param to makes folders and writes files, by names of their own
   * @returns the name of the folder
   */
  async downloadLogs(
    cluster: string,
    number: number | null,
    to: {
      mkdir(name: string): Promise<void>;
      write(name: string, chunks: AsyncIterable<Uint8Array>): Promise<void>;
    },
    options: CallOptions = {},
  ): Promise<{ folder: string; files: string[] }> {
    const job = await this.get(cluster, number, options);
    const folder = `${cluster}-job-${job.jobId ?? 'setup'}`;
    await to.mkdir(folder);
    const files: string[] = [];
    for (const id of job.instances) {
      const view = await this.#transport.json<InstanceView>({
        path: `/v1/instances/${segment(id)}`,
        repeat: 'always',
        signal: options.signal,
      });
      const { role = 'run', rank = '0' } = view.labels;
      const name = `${folder}/${role === 'setup' ? 'setup' : 'node'}-${rank}.log`;
      const bytes = await readLog(this.#transport, id, options);
      await to.write(name, once(bytes));
      files.push(name);
    }
    return { folder, files };
  }

  /**
   * Passes the lines to `write`.
   * @returns the exit code that stands for the job: 0, 100 failed, 101 not finished, 102 not found, 103 cancelled
   */
  async tail(
    cluster: string,
    number: number | null,
    write: (line: string) => void,
    options: JobLogOptions = {},
  ): Promise<number> {
    let job: ClusterJobView;
    try {
      job = await this.get(cluster, number, options);
    } catch (error) {
      if (isDroverError(error) && error.code === 'JOB_NOT_FOUND') return exitCodeOfJob(null);
      throw error;
    }
    for await (const line of this.log(cluster, job.jobId, options)) write(line);
    if (!isJobFinal(job.status)) job = await this.get(cluster, job.jobId, options);
    return exitCodeOfJob(job.status);
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}
