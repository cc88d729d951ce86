/** Doing over and over what a full disk, a lack of descriptors or a broken read only holds back for a while. */
import type { Clock } from './ports.ts';

const AGAIN_MS = { first: 20, most: 10_000 } as const;

export const pause = (clock: Clock, ms: number): Promise<void> =>
  new Promise((resolve) => clock.after(ms, resolve));

/** Tries until it works, less and less often. @param failed called after each failure, with how many there were */
export async function untilItWorks<T>(
  clock: Clock,
  step: () => Promise<T>,
  failed: (error: unknown, failures: number) => void | Promise<void>,
): Promise<T> {
  for (let failures = 1, delayMs: number = AGAIN_MS.first; ; failures += 1) {
    try {
      return await step();
    } catch (error) {
      await failed(error, failures);
    }
    await pause(clock, delayMs);
    delayMs = Math.min(delayMs * 2, AGAIN_MS.most);
  }
}
