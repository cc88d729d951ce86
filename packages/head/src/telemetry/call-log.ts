/**
 * A line for each call that was served: `debug`, but what failed for a reason of ours and what was not let in at `info`,
 * and of these only so many: a flood of bad calls must not fill the disk that the state is on.
 */
import type { Logger } from '@drover/engine';
import type { CallObserver, ServedCall } from './calls.ts';

/** Lines at once, and in each second after that, for failures and for denials each. */
const RATE = { burst: 20, perSecond: 1 } as const;

export class CallLog implements CallObserver {
  readonly #log: Logger;
  readonly #failures: LineBudget;
  readonly #denials: LineBudget;

  constructor(log: Logger, monoMs: () => number) {
    this.#log = log;
    this.#failures = new LineBudget(monoMs);
    this.#denials = new LineBudget(monoMs);
  }

  ended(call: ServedCall): void {
    const { status } = call;
    if (status !== null && status >= 500) this.#bounded(this.#failures, call, 'a call failed');
    else if (status === 401 || status === 403) this.#bounded(this.#denials, call, 'a call was not let in');
    else this.#log.debug?.(fieldsOf(call), status === null ? 'a caller went away' : 'a call was served');
  }

  #bounded(budget: LineBudget, call: ServedCall, message: string): void {
    const leftOut = budget.take();
    if (leftOut === null && !this.#log.debug) return;
    const fields = fieldsOf(call);
    if (leftOut === null) this.#log.debug?.(fields, message);
    else this.#log.info(leftOut === 0 ? fields : { ...fields, leftOut }, message);
  }
}

const fieldsOf = (call: ServedCall): Record<string, unknown> => ({
  ...call,
  ms: Math.round(call.ms * 10) / 10,
});

/** A token bucket that remembers what it has refused. */
class LineBudget {
  readonly #monoMs: () => number;
  #left: number = RATE.burst;
  #atMs: number;
  #refused = 0;

  constructor(monoMs: () => number) {
    this.#monoMs = monoMs;
    this.#atMs = monoMs();
  }

  /** @returns null when there is no line left; else how many were left out since the last one */
  take(): number | null {
    const now = this.#monoMs();
    this.#left = Math.min(RATE.burst, this.#left + ((now - this.#atMs) / 1000) * RATE.perSecond);
    this.#atMs = now;
    if (this.#left < 1) {
      this.#refused += 1;
      return null;
    }
    this.#left -= 1;
    const refused = this.#refused;
    this.#refused = 0;
    return refused;
  }
}
