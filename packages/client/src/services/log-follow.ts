import { isDroverError, isFinal } from '@drover/core';
import type { InstanceView } from '@drover/core/wire';
import { backOffMs, isTransient } from '../transport/retry.ts';
import { pause } from '../transport/signals.ts';
import { segment } from '../transport/target.ts';
import type { Transport } from '../transport/transport.ts';
import { openLog, positionsOf, skipping } from './log-read.ts';
import type { CallOptions } from './options.ts';

/** Where following starts. */
export interface FollowOptions extends CallOptions {
  /** First byte wanted, default 0. */
  readonly offset?: number | undefined;
  /** Instead of `offset`: starts with the last so many bytes. */
  readonly tail?: number | undefined;
  /** Only this attempt; default: the newest, and those after it. */
  readonly attempt?: number | undefined;
  /** Hears of bytes that were gone before they could be read: from the first to the one behind the last. */
  readonly onGap?: ((from: number, to: number) => void) | undefined;
}

/** How one look at the log went. */
type Outcome = 'ended' | 'broken' | 'absent';

const HOLD_MS = 20_000;

interface Reading {
  position: number;
  tail: number | undefined;
  attempt: number;
  /** The last thing that went wrong since a byte came; thrown when it lasts. */
  error: unknown;
}

/** See `Instances.followLogs`. `get` reads an instance by any reference. */
export async function* followLog(
  transport: Transport,
  get: (ref: string) => Promise<InstanceView>,
  ref: string,
  options: FollowOptions,
): AsyncGenerator<Uint8Array> {
  let view = await get(ref);
  const { id } = view;
  const reading: Reading = {
    position: options.offset ?? 0,
    tail: options.tail,
    attempt: options.attempt ?? view.attempt,
    error: undefined,
  };
  let idle = 0;
  let idleSince = performance.now();
  for (;;) {
    const before = reading.position;
    const outcome = yield* followOnce(transport, id, reading, options);
    if (reading.position > before || idle === 0) {
      idle = 0;
      idleSince = performance.now();
    }
    try {
      view = await get(id);
    } catch (error) {
      // It was deleted, and the head closed its log in order.
      if (outcome === 'ended' && isDroverError(error) && error.code === 'INSTANCE_NOT_FOUND') return;
      throw error;
    }
    if (options.attempt === undefined && view.attempt !== reading.attempt) {
      reading.attempt = view.attempt;
      reading.position = 0;
      reading.tail = undefined;
      continue;
    }
    if (isComplete(view, reading, outcome, idle)) return;
    if (outcome === 'absent' && !isFinal(view.status)) {
      await awaitStart(transport, view, options.signal);
    }
    if (isFinal(view.status) && performance.now() - idleSince > transport.retryMs) throw reading.error;
    if (idle > 0 || outcome !== 'broken') await pause(backOffMs(idle), options.signal);
    idle++;
  }
}

/** Yields what comes until the stream ends or breaks, and moves `reading` along. */
async function* followOnce(
  transport: Transport,
  id: string,
  reading: Reading,
  options: FollowOptions,
): AsyncGenerator<Uint8Array, Outcome> {
  const { position, tail } = reading;
  const attempt = reading.attempt >= 1 ? reading.attempt : undefined;
  try {
    const where = tail === undefined ? { offset: position } : { tail };
    const reply = await openLog(transport, id, { ...where, attempt, follow: true, signal: options.signal });
    try {
      const { start } = positionsOf(reply, position);
      // Later: the oldest bytes are gone. Earlier: bytes that were delivered already.
      const skip = tail === undefined ? Math.max(0, position - start) : 0;
      if (tail === undefined && start > position) options.onGap?.(position, start);
      reading.position = tail === undefined ? Math.max(position, start) : start;
      reading.tail = undefined;
      for await (const chunk of skipping(reply.chunks, skip)) {
        reading.position += chunk.length;
        yield chunk;
      }
      return 'ended';
    } finally {
      reply.release();
    }
  } catch (error) {
    if (isDroverError(error) && error.code === 'LOG_NOT_FOUND') return 'absent';
    if (!isTransient(error)) throw error;
    reading.error = error;
    return 'broken';
  }
}

/** True when the instance has ended and no byte can be left. A second clean end without a byte counts as well. */
function isComplete(view: InstanceView, reading: Reading, outcome: Outcome, idle: number): boolean {
  if (!isFinal(view.status)) return false;
  if (outcome === 'absent' || view.log === null) return true;
  if (reading.tail === undefined && reading.position >= view.log.size) return true;
  return outcome === 'ended' && idle > 0;
}

/** Without a log there is nothing to follow until the command starts; the head holds the reply until then. */
async function awaitStart(
  transport: Transport,
  view: InstanceView,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (view.status === 'RUNNING') return;
  await transport.json<InstanceView>({
    path: `/v1/instances/${segment(view.id)}`,
    query: { wait: 'running', timeoutMs: HOLD_MS },
    repeat: 'always',
    holdMs: HOLD_MS,
    signal,
  });
}
