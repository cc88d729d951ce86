/** Tells what waits on behalf of a reply that its client has gone, that it was sent, or that the head stops. */
import type { ServerResponse } from 'node:http';

export interface Abort {
  readonly aborted: boolean;
  /** Calls back once; at once when it is over already. @returns the way to be called no more */
  onAbort(fn: () => void): () => void;
}

/** @param stopping is called when the head stops @returns one and the same Abort for a reply */
export function abortsOf(
  stopping: Set<() => void>,
): (reply: { readonly raw: Pick<ServerResponse, 'destroyed' | 'once'> }) => Abort {
  const made = new WeakMap<object, Abort>();
  return ({ raw }) => {
    const abort = made.get(raw) ?? abortOf(raw, stopping);
    made.set(raw, abort);
    return abort;
  };
}

function abortOf(raw: Pick<ServerResponse, 'destroyed' | 'once'>, stopping: Set<() => void>): Abort {
  const waiting = new Set<() => void>();
  let ended = raw.destroyed;
  const end = (): void => {
    ended = true;
    stopping.delete(end);
    for (const fn of waiting) fn();
    waiting.clear();
  };
  if (!ended) {
    stopping.add(end);
    // Comes once, whether the reply was sent or the client has gone.
    raw.once('close', end);
  }
  return {
    get aborted() {
      return ended || raw.destroyed;
    },
    onAbort(fn) {
      if (ended) {
        fn();
        return () => undefined;
      }
      // The same function may be given twice.
      const call = (): void => fn();
      waiting.add(call);
      return () => void waiting.delete(call);
    },
  };
}
