/**
 * The log of a request: its steps in words, and where they belong the output of what prepared the nodes. Reading it
 * again gives the same lines, so that a client that lost its connection can skip those that it has.
 */
import { encodeUtf8, isRequestFinal } from '@drover/core';
import type { Actor } from '../actor.ts';
import { mergeLogs } from '../logs/merge.ts';
import type { LogRequest, LogService } from '../logs/service.ts';
import { tailLines } from '../logs/tail.ts';
import type { RequestReads } from './reads.ts';
import type { LogLine } from './row.ts';

export interface RequestLogOptions {
  readonly follow: boolean;
  /** So many lines from the end of what there is; 0: all. */
  readonly tail: number;
  readonly abort: LogRequest['abort'];
  /** Called after so long without a line, with what is passed on then. */
  readonly idle?: { readonly everyMs: number; readonly line: string };
}

const WAIT_MS = 30_000;

export class RequestLogs {
  readonly #reads: RequestReads;
  readonly #logs: LogService;

  constructor(reads: RequestReads, logs: LogService) {
    this.#reads = reads;
    this.#logs = logs;
  }

  /** Chunks of whole lines. Ends with the request when following, else at the end of what there is. */
  read(actor: Actor, id: string, options: RequestLogOptions): AsyncIterable<Uint8Array> {
    if (options.tail === 0) return this.#lines(actor, id, options, 0);
    if (!options.follow) return tailLines(this.#lines(actor, id, options, 0), options.tail);
    return this.#tailThenFollow(actor, id, options);
  }

  async *#tailThenFollow(actor: Actor, id: string, options: RequestLogOptions): AsyncIterable<Uint8Array> {
    const row = await this.#reads.find(id);
    // Output under way is followed from its beginning: what is behind it in the log has not come yet.
    const from = Math.max(0, (row?.lines.length ?? 0) - options.tail);
    yield* this.#lines(actor, id, options, from);
  }

  async *#lines(
    actor: Actor,
    id: string,
    { follow, abort, idle }: RequestLogOptions,
    from: number,
  ): AsyncIterable<Uint8Array> {
    let at = from;
    while (!abort.aborted) {
      const row = await this.#reads.find(id);
      if (!row) return;
      for (; at < row.lines.length && !abort.aborted; at += 1)
        yield* this.#line(actor, row.lines[at] as LogLine, follow && !isRequestFinal(row.status), abort);
      if (!follow || isRequestFinal(row.status)) return;
      await this.#reads.changed(id, row.rev, idle?.everyMs ?? WAIT_MS, abort);
      const now = await this.#reads.find(id);
      if (idle && now?.rev === row.rev) yield encodeUtf8(idle.line);
    }
  }

  async *#line(
    actor: Actor,
    line: LogLine,
    follow: boolean,
    abort: LogRequest['abort'],
  ): AsyncIterable<Uint8Array> {
    if ('text' in line) {
      yield encodeUtf8(`${line.text}\n`);
      return;
    }
    try {
      yield* mergeLogs(this.#logs, actor, line.instances, { follow, abort });
    } catch (error) {
      // A node that is away takes its output with it; the request goes on all the same.
      yield encodeUtf8(`(output cannot be had: ${error instanceof Error ? error.message : String(error)})\n`);
    }
  }
}
