/** The log of a job: the output of its nodes as one stream of lines, from its beginning to its end. */
import { encodeUtf8, isJobFinal } from '@drover/core';
import type { Actor } from '../actor.ts';
import { type LogSource, mergeLogs } from '../logs/merge.ts';
import type { LogRequest, LogService } from '../logs/service.ts';
import { tailLines } from '../logs/tail.ts';
import type { State } from '../state/state.ts';
import type { JobRow } from './row.ts';

export interface JobLogRequest {
  readonly follow: boolean;
  /** So many lines from the end; 0: all. */
  readonly tail: number;
  readonly abort: LogRequest['abort'];
}

export class JobLogs {
  readonly #state: State;
  readonly #logs: LogService;

  constructor(state: State, logs: LogService) {
    this.#state = state;
    this.#logs = logs;
  }

  /** Lines of the run; ends with one line that says how the job ended, when it has. Waits for its start when following. */
  async *read(actor: Actor, jobId: string, request: JobLogRequest): AsyncIterable<Uint8Array> {
    const { abort, follow } = request;
    let job = this.#state.tables.jobs.get(jobId);
    if (follow)
      job = await this.#until(jobId, (row) => isJobFinal(row.status) || row.status === 'RUNNING', abort);
    if (!job || abort.aborted) return;
    const ids = job.runInstances.length > 0 ? job.runInstances : job.setupInstances;
    const sources = sourcesOf(this.#state, job, ids);
    const lines = mergeLogs(this.#logs, actor, sources, { follow, abort });
    if (request.tail > 0 && !follow) yield* tailLines(lines, request.tail);
    else if (request.tail > 0) yield* this.#tailThenFollow(actor, sources, request);
    else yield* lines;
    if (abort.aborted) return;
    if (follow) job = await this.#until(jobId, (row) => isJobFinal(row.status), abort);
    if (job && isJobFinal(job.status)) yield encodeUtf8(`${endOf(job)}\n`);
  }

  /** The last lines of what there is, then what comes. */
  async *#tailThenFollow(
    actor: Actor,
    sources: readonly LogSource[],
    request: JobLogRequest,
  ): AsyncIterable<Uint8Array> {
    const { abort, tail } = request;
    const extents = await Promise.all(
      sources.map(async ({ id }) => {
        const arrival = await this.#logs.read(actor, id, { follow: false, limit: 0, abort });
        return arrival.size;
      }),
    );
    const past = await Promise.all(
      sources.map(async (source, at) => {
        const parts: Uint8Array[] = [];
        const limit = extents[at] ?? 0;
        const one = mergeLogs(this.#logs, actor, [source], { follow: false, limit, abort });
        for await (const part of tailLines(one, tail)) parts.push(part);
        return parts;
      }),
    );
    for (const parts of past) for (const part of parts) yield part;
    const rest = sources.map((source, at) => ({ ...source, offset: extents[at] ?? 0 }));
    yield* mergeLogs(this.#logs, actor, rest, { follow: true, abort });
  }

  /** Resolves when the job is so, is gone, or nobody waits any more. */
  #until(
    jobId: string,
    met: (row: JobRow) => boolean,
    abort: LogRequest['abort'],
  ): Promise<JobRow | undefined> {
    const look = (): JobRow | undefined => this.#state.tables.jobs.get(jobId);
    const now = look();
    if (!now || (met(now) && now.rev <= this.#state.durableRev) || abort.aborted) return Promise.resolve(now);
    return new Promise((resolve) => {
      const done = (): void => {
        stop();
        resolve(look());
      };
      const stop = this.#state.subscribe(({ changes }) => {
        for (const change of changes)
          if (change.collection === 'jobs' && change.id === jobId)
            if (!change.after || met(change.after as JobRow)) return done();
      });
      abort.onAbort(done);
    });
  }
}

/** `(train) `, `(train, rank=1) `: whose line it is. */
export function sourcesOf(state: State, job: JobRow, ids: readonly string[]): LogSource[] {
  const name = job.name ?? 'task';
  const isGang = job.nodes.length > 1 || ids.length > 1;
  return ids.map((id, at) => {
    const instance = state.tables.instances.get(id);
    const rank = instance ? job.nodes.indexOf(instance.spec.node?.rank ?? at) : at;
    const pid = instance?.pid ?? null;
    const parts = [name, ...(isGang ? [`rank=${rank < 0 ? at : rank}`] : []), ...(pid ? [`pid=${pid}`] : [])];
    return { id, prefix: `(${parts.join(', ')}) ` };
  });
}

/** The last line of its log, which tells how it ended. */
export function endOf(job: JobRow): string {
  const why = job.status === 'SUCCEEDED' || job.reason === null ? '' : `: ${job.reason.message}`;
  return `Job finished (status: ${job.status})${why === '' ? '.' : why}`;
}
