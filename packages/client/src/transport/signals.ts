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

/** Who follows a signal. One listener each: many calls on one client are no leak, and Node warns at eleven. */
const followers = new WeakMap<AbortSignal, Set<() => void>>();

/** Calls `fn` when the signal is aborted. @returns the way to stop */
function follow(source: AbortSignal, fn: () => void): () => void {
  let all = followers.get(source);
  if (!all) {
    const here = new Set<() => void>();
    source.addEventListener(
      'abort',
      () => {
        for (const each of [...here]) each();
      },
      { once: true },
    );
    followers.set(source, here);
    all = here;
  }
  all.add(fn);
  return () => all.delete(fn);
}

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
    undo.push(follow(source, () => controller.abort(source.reason)));
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
