import { invalid } from '@drover/core';
import { backOffMs, isTransient } from '../transport/retry.ts';
import { pause } from '../transport/signals.ts';
import { segment } from '../transport/target.ts';
import type { StreamReply, Transport } from '../transport/transport.ts';
import type { CallOptions } from './options.ts';

/** Which bytes of a log. Counts are bytes; `offset` counts from the first byte ever written. */
export interface LogOptions extends CallOptions {
  /** Default 0. Below the oldest kept byte: reading starts at that one. */
  readonly offset?: number | undefined;
  /** At most so many. Default: all that is there. */
  readonly limit?: number | undefined;
  /** Instead of `offset`: only the last so many. */
  readonly tail?: number | undefined;
  /** Which attempt of the instance; default: the newest. */
  readonly attempt?: number | undefined;
}

/** Below the head's limit for one reply. */
const PART_BYTES = 32 * 1024 * 1024;

/** Reads a range of the log, in as many calls as it takes; a call that breaks off is taken up at the next byte. */
export async function readLog(transport: Transport, id: string, options: LogOptions): Promise<Uint8Array> {
  for (const key of ['offset', 'limit', 'tail', 'attempt'] as const) {
    const value = options[key];
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0)) {
      throw invalid(key, 'a whole number, not negative', value);
    }
  }
  const parts: Uint8Array[] = [];
  let { tail } = options;
  let position = options.offset ?? 0;
  let end: number | undefined;
  let brokenSince: number | undefined;
  for (let failures = 0; ; ) {
    const limit = end === undefined ? options.limit : end - position;
    const reply = await openLog(transport, id, {
      ...options,
      offset: tail === undefined ? position : undefined,
      limit: limit === undefined ? undefined : Math.min(limit, PART_BYTES),
      tail,
    });
    const { start, size } = positionsOf(reply, position);
    const skip = tail === undefined ? Math.max(0, position - start) : 0;
    if (tail !== undefined || start > position) position = start;
    tail = undefined;
    end ??= endOf(position, options.limit, size);
    const before = position;
    try {
      for await (const chunk of skipping(reply.chunks, skip)) {
        parts.push(chunk);
        position += chunk.length;
      }
      if (end === undefined || position >= end || position === before) return join(parts);
      failures = 0;
    } catch (error) {
      if (!isTransient(error)) throw error;
      if (position > before) failures = 0;
      if (failures === 0) brokenSince = performance.now();
      if (performance.now() - (brokenSince ?? 0) > transport.retryMs) throw error;
      await pause(backOffMs(failures++), options.signal);
    } finally {
      reply.release();
    }
  }
}

/** Opens one reply of log bytes. @throws {DroverError} LOG_NOT_FOUND, LOG_UNAVAILABLE, INSTANCE_NOT_FOUND */
export async function openLog(
  transport: Transport,
  id: string,
  query: LogOptions & { readonly follow?: boolean },
): Promise<StreamReply> {
  const { offset, limit, tail, attempt, follow } = query;
  return await transport.stream({
    path: `/v1/instances/${segment(id)}/logs`,
    query: { offset, limit, tail, attempt, follow },
    headers: { accept: 'application/octet-stream, application/json' },
    repeat: 'always',
    signal: query.signal,
  });
}

/** The offset of the first byte that comes (what was asked for, where the head does not say) and the log's size. */
export function positionsOf(reply: StreamReply, asked: number): { start: number; size: number | undefined } {
  const start = numberIn(reply.headers.get('drover-log-offset'));
  return { start: start ?? asked, size: numberIn(reply.headers.get('drover-log-size')) };
}

/** The chunks without their first `count` bytes. */
export async function* skipping(
  chunks: AsyncIterable<Uint8Array>,
  count: number,
): AsyncGenerator<Uint8Array> {
  let left = count;
  for await (const chunk of chunks) {
    if (chunk.length > left) yield left === 0 ? chunk : chunk.subarray(left);
    left = Math.max(0, left - chunk.length);
  }
}

const numberIn = (text: string | null): number | undefined =>
  text !== null && /^\d+$/.test(text) ? Number(text) : undefined;

function endOf(start: number, limit: number | undefined, size: number | undefined): number | undefined {
  if (size === undefined) return limit === undefined ? undefined : start + limit;
  return limit === undefined ? size : Math.min(start + limit, size);
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts;
  if (parts.length === 1 && first !== undefined) return first;
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
