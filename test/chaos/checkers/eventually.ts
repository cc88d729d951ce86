/** Recovery: what must come back within a bound once the faults are gone. */
import type { InstanceView } from 'drover';
import type { Checker, Recovery } from './facts.ts';

/** Every worker is ONLINE again. */
export function eventually_workersOnline(): Checker<Recovery> {
  return {
    name: 'eventually_workersOnline',
    check({ workersOnlineAfterMs: ms, limitMs, healedAtMs }) {
      return within(ms, limitMs)
        ? []
        : [`healed at ${healedAtMs} ms: workers ONLINE after ${ms ?? 'more than'} of ${limitMs} ms`];
    },
  };
}

/** A new command runs to its end. */
export function eventually_recoveredWithin(): Checker<Recovery> {
  return {
    name: 'eventually_recoveredWithin',
    check({ probeDoneAfterMs: ms, limitMs, healedAtMs }) {
      return within(ms, limitMs)
        ? []
        : [`healed at ${healedAtMs} ms: a new command ended after ${ms ?? 'more than'} of ${limitMs} ms`];
    },
  };
}

const within = (ms: number | null, limitMs: number): boolean => ms !== null && ms <= limitMs;

/** Shown what has not ended when the time for it is over. */
export function eventually_allEnd(): Checker<readonly InstanceView[]> {
  return {
    name: 'eventually_allEnd',
    check: (open) =>
      open.map(
        (view) =>
          `${view.id} is ${view.displayStatus} since ${view.since}: ${view.reason?.message ?? 'no reason'}`,
      ),
  };
}
