import { DroverError, invalid } from '@drover/core';
import { backOffMs } from '../transport/retry.ts';
import { linkSignals, pause } from '../transport/signals.ts';
import type { WaitOptions } from './options.ts';

/** Longest time that one poll is held; below the head's own limit and below what proxies tolerate. */
const HOLD_MS = 50_000;
/** The head's last reply may be this late before the limit is enforced here. */
const GRACE_MS = 25;

/**
 * Asks again and again, each time letting the head hold its reply, until `met`.
 * @param poll one call; `holdMs` is how long the head may hold it
 * @param what fits into "{what} did not happen within ... ms"
 * @throws {DroverError} TIMEOUT, INVALID_REQUEST for a bad limit, what `poll` throws; or the signal's reason
 */
export async function pollUntil<T>(
  what: string,
  poll: (holdMs: number, signal: AbortSignal) => Promise<T>,
  met: (value: T) => boolean,
  options: WaitOptions,
): Promise<T> {
  const timeoutMs = options.timeoutMs ?? Number.POSITIVE_INFINITY;
  if (!(timeoutMs >= 0)) throw invalid('timeoutMs', 'a number of milliseconds, not negative', timeoutMs);
  const late = () => new DroverError('TIMEOUT', { what, timeoutMs });
  const endsAt = performance.now() + timeoutMs;
  // To look once is to wait for the answer, however long the way is.
  const limit = timeoutMs === 0 ? undefined : { ms: timeoutMs + GRACE_MS, reason: late };
  const linked = linkSignals([options.signal], limit);
  try {
    for (let early = 0; ; ) {
      const startedAt = performance.now();
      const holdMs = Math.ceil(Math.min(Math.max(0, endsAt - startedAt), HOLD_MS));
      const value = await poll(holdMs, linked.signal);
      if (met(value)) return value;
      const now = performance.now();
      if (now >= endsAt - 1) throw late();
      // A head that answers before its time (it is stopping) must not be asked in a tight loop.
      if (now - startedAt < holdMs - 10)
        await pause(Math.min(backOffMs(early++), endsAt - now), linked.signal);
      else early = 0;
    }
  } finally {
    linked.release();
  }
}
