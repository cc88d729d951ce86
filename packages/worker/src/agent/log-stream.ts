/** The bytes of one log from an offset, to its present end or, following, to the end of the attempt. */
import { LOG_CHUNK_BYTES } from './limits.ts';
import type { AttemptKey, Machine } from './ports.ts';

export interface LogReading {
  readonly machine: Machine;
  readonly key: AttemptKey;
  readonly offset: number;
  readonly limit: number;
  readonly follow: boolean;
  /** True when nothing will be written any more. */
  readonly isComplete: () => boolean;
  /** Calls back when `isComplete` may have changed. @returns the way to stop */
  readonly onProgress: (listener: () => void) => () => void;
}

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
      const { available, size } = await machine.logExtent(key);
      at = Math.max(at, available);
      let trimmed = false;
      while (at < size && left > 0) {
        const chunk = await readKept(machine, key, at, Math.min(LOG_CHUNK_BYTES, left, size - at));
        trimmed = chunk === null;
        if (chunk === null || chunk.length === 0) break;
        at += chunk.length;
        left -= chunk.length;
        yield chunk;
      }
      if (trimmed) continue;
      if (complete) return;
      if (!woken) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        wake = null;
      }
    }
  } finally {
    watch?.close();
    stopListening();
  }
}

/** Null when the bytes at this offset were trimmed since the extent was asked for. */
async function readKept(
  machine: Machine,
  key: AttemptKey,
  offset: number,
  limit: number,
): Promise<Uint8Array | null> {
  try {
    return await machine.readLog(key, offset, limit);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}
