/** Logs of several instances as one stream of whole lines, each with a prefix that says whose it is. */
import { encodeUtf8 } from '@drover/core';
import type { Actor } from '../actor.ts';
import type { LogRequest, LogService } from './service.ts';

export interface LogSource {
  readonly id: string;
  /** Put before each line; empty: the bytes pass as they are. */
  readonly prefix: string;
  /** Where to begin, in bytes. */
  readonly offset?: number;
}

const NEWLINE = 10;
const ENDED = new Uint8Array([NEWLINE]);
/** A line that is longer is passed on in pieces, which are lines of their own beside those of other sources. */
const MOST_LINE = 64 * 1024;
/** Chunks read ahead of whoever reads, per source. */
const AHEAD = 16;

/**
 * Follows all sources at once; ends when all have. The last line of each is ended if it was not.
 * @returns chunks of whole lines. Stops reading when the consumer stops.
 */
export async function* mergeLogs(
  logs: LogService,
  actor: Actor,
  sources: readonly LogSource[],
  request: LogRequest,
): AsyncIterable<Uint8Array> {
  const queue: Uint8Array[] = [];
  let wakeReader: () => void = () => undefined;
  let wakeSources: (() => void)[] = [];
  let open = sources.length;
  let failure: unknown = null;
  let stopped = false;
  const pump = async (source: LogSource): Promise<void> => {
    try {
      for await (const lines of prefixed(logs, actor, source, request)) {
        if (stopped) return;
        queue.push(lines);
        wakeReader();
        while (queue.length > AHEAD * sources.length && !stopped)
          await new Promise<void>((resolve) => wakeSources.push(resolve));
      }
    } catch (error) {
      failure ??= error;
    } finally {
      open -= 1;
      wakeReader();
    }
  };
  for (const source of sources) void pump(source);
  try {
    for (;;) {
      const chunk = queue.shift();
      if (chunk) {
        const waiting = wakeSources;
        wakeSources = [];
        for (const wake of waiting) wake();
        yield chunk;
      } else if (open === 0) break;
      else
        await new Promise<void>((resolve) => {
          wakeReader = resolve;
        });
    }
    if (failure !== null) throw failure;
  } finally {
    stopped = true;
    for (const wake of wakeSources) wake();
  }
}

/** Whole lines, each with the prefix of its source. */
async function* prefixed(
  logs: LogService,
  actor: Actor,
  source: LogSource,
  request: LogRequest,
): AsyncIterable<Uint8Array> {
  const prefix = encodeUtf8(source.prefix);
  const offset = source.offset ?? request.offset;
  const arrival = await logs.readWhenThere(actor, source.id, { ...request, offset });
  let rest = new Uint8Array(0);
  for await (const chunk of arrival.bytes) {
    const bytes = concat(rest, chunk);
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    if (end === 0 && bytes.length >= MOST_LINE) {
      rest = new Uint8Array(0);
      yield prefix.length === 0 ? bytes : withPrefix(concat(bytes, ENDED), prefix);
      continue;
    }
    rest = bytes.slice(end);
    if (end > 0) yield withPrefix(bytes.subarray(0, end), prefix);
  }
  if (rest.length > 0) yield withPrefix(concat(rest, ENDED), prefix);
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

function withPrefix(lines: Uint8Array, prefix: Uint8Array): Uint8Array {
  if (prefix.length === 0) return lines;
  let count = 0;
  for (const byte of lines) if (byte === NEWLINE) count += 1;
  if (lines.at(-1) !== NEWLINE) count += 1;
  const out = new Uint8Array(lines.length + count * prefix.length);
  let at = 0;
  for (let start = 0; start < lines.length; ) {
    const found = lines.indexOf(NEWLINE, start);
    const end = found < 0 ? lines.length : found + 1;
    out.set(prefix, at);
    out.set(lines.subarray(start, end), at + prefix.length);
    at += prefix.length + end - start;
    start = end;
  }
  return out;
}
