/** A signal that follows others and, when asked, a limit of time. `release` frees its timer and listeners. */
export interface Linked {
  readonly signal: AbortSignal;
  /** Ends the limit of time; the other signals still count. */
  stopTimer(): void;
  release(): void;
}

export interface Limit {
  readonly ms: number;
  /** What the signal is aborted with once the time is over. */
  readonly reason: () => unknown;
}

const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Links signals by hand: `AbortSignal.any` keeps its sources alive for the life of the longest one on Node 20. */
export function linkSignals(sources: readonly (AbortSignal | undefined)[], limit?: Limit): Linked {
  const controller = new AbortController();
  const undo: (() => void)[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  for (const source of sources) {
    if (source === undefined) continue;
    if (source.aborted) {
      controller.abort(source.reason);
      break;
    }
    const follow = () => controller.abort(source.reason);
    source.addEventListener('abort', follow, { once: true });
    undo.push(() => source.removeEventListener('abort', follow));
  }
  if (limit !== undefined && limit.ms <= LONGEST_TIMER_MS && !controller.signal.aborted) {
    timer = setTimeout(() => controller.abort(limit.reason()), limit.ms);
  }
  const stopTimer = () => clearTimeout(timer);
  const release = () => {
    stopTimer();
    for (const step of undo.splice(0)) step();
  };
  return { signal: controller.signal, stopTimer, release };
}

/** Waits `ms` milliseconds. @throws the reason of `signal` as soon as it is aborted. */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  const linked = linkSignals([signal]);
  try {
    await new Promise<void>((resolve, reject) => {
      const stop = () => {
        clearTimeout(timer);
        reject(linked.signal.reason);
      };
      const timer = setTimeout(resolve, ms);
      if (linked.signal.aborted) stop();
      else linked.signal.addEventListener('abort', stop, { once: true });
    });
  } finally {
    linked.release();
  }
}
