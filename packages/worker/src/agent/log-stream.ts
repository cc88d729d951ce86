/**
 * The bytes of one log from an offset: as many as were announced or, following, all to the end of the attempt. Without
 * a gap: the head counts them, so where bytes are missing (trimmed, or removed with their attempt) the stream is cut.
 * The head asks again at its offset then, here or in its archive.
 */
import type { HeadFrame } from '@drover/core/wire';
import { LOG_CHUNK_BYTES } from './limits.ts';
import type { AttemptKey, LogStream, Machine } from './ports.ts';

export interface LogReading {
  readonly machine: Machine;
  readonly key: AttemptKey;
  readonly offset: number;
  /** Not following: so many are there, else it throws. */
  readonly limit: number;
  readonly follow: boolean;
  /** True when nothing will be written any more. */
  readonly isComplete: () => boolean;
  /** Calls back when `isComplete` may have changed. @returns the way to stop */
  readonly onProgress: (listener: () => void) => () => void;
}

/** What the head asked for, from what there is at this moment. */
export function streamOf(
  asked: Extract<HeadFrame, { type: 'sendLog' }>,
  { available, size }: { readonly available: number; readonly size: number },
  from: Pick<LogReading, 'machine' | 'key' | 'isComplete' | 'onProgress'>,
): LogStream {
  const { follow, ticket } = asked;
  const wanted = asked.offset < 0 ? size + asked.offset : asked.offset;
  const kept = Math.max(wanted, available);
  const offset = follow ? kept : Math.min(kept, size);
  const most = follow ? Number.POSITIVE_INFINITY : size - offset;
  const limit = Math.min(asked.limit ?? Number.POSITIVE_INFINITY, most);
  return { ticket, offset, available, size, bytes: readLogFrom({ ...from, offset, limit, follow }) };
}

/** @throws when bytes are missing */
export async function* readLogFrom(reading: LogReading): AsyncGenerator<Uint8Array> {
  const { machine, key, isComplete } = reading;
  let at = reading.offset;
  let left = reading.limit;
  let wake: (() => void) | null = null;
  let woken = false;
  const rouse = (): void => {
    woken = true;
    wake?.();
  };
  const watch = reading.follow ? machine.watchLog(key, rouse) : null;
  const stopListening = reading.onProgress(rouse);
  try {
    while (left > 0) {
      // Asked before the extent: what was written before the end is then within it.
      const complete = isComplete() || !reading.follow;
      woken = false;
      const { size } = await machine.logExtent(key);
      while (at < size && left > 0) {
        const chunk = await machine.readLog(key, at, Math.min(LOG_CHUNK_BYTES, left, size - at));
        if (chunk.length === 0) break;
        at += chunk.length;
        left -= chunk.length;
        yield chunk;
      }
      if (complete) break;
      if (!woken) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        wake = null;
      }
    }
    if (left > 0 && !reading.follow) throw new Error(`the log ends ${left} bytes before what was announced`);
  } finally {
    watch?.close();
    stopListening();
  }
}
