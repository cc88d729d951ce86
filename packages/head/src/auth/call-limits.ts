/**
 * How often one caller may call: counted by user (all of their tokens together) or worker, or by address where nobody
 * known calls, so that nobody uses up what is another's. A call over a limit is held for a while before it is refused: whoever waits for each answer, as every client
 * does, is slowed down by that, and costs the head next to nothing.
 */
import { DroverError } from '@drover/core';

/** Calls of one caller. Rates are per second. */
export interface CallRates {
  /** All calls; and those that were refused for what they asked (a 4xx reply). */
  readonly all: { readonly burst: number; readonly perSecond: number };
  readonly bad: { readonly burst: number; readonly perSecond: number };
  /** Calls under way at once: long polls, streams. */
  readonly open: number;
}

/** What one busy program does, and about what a head can; a hundred wrong calls a second are no program that works. */
export const CALL_RATES: CallRates = {
  all: { burst: 50_000, perSecond: 10_000 },
  bad: { burst: 1_000, perSecond: 100 },
  open: 5_000,
};

const HOLD_MS = 1_000;
/** Of one caller at once. Beyond them its connections are cut, which costs less than an answer. */
const MOST_HELD = 256;
/** Callers that are counted; one that has not called for long is forgotten. */
const MOST_COUNTED = 50_000;

/** What became of asking for a place. `cut`: do not even answer. */
export type Verdict = 'welcome' | 'hold' | 'cut';

interface Counts {
  all: number;
  bad: number;
  open: number;
  held: number;
  atMs: number;
}

export class CallLimits {
  readonly #rates: CallRates;
  readonly #nowMs: () => number;
  /** Least recently seen first. */
  readonly #of = new Map<string, Counts>();

  /** @param nowMs a clock that never goes back */
  constructor(rates: CallRates, nowMs: () => number = () => performance.now()) {
    this.#rates = rates;
    this.#nowMs = nowMs;
  }

  /** Asks for one call. After `welcome` comes {@link done}, after `hold` {@link hold}. */
  begin(key: string): Verdict {
    const counts = this.#countsOf(key);
    if (counts.all < 1 || counts.bad < 1 || counts.open >= this.#rates.open) {
      if (counts.held >= MOST_HELD) return 'cut';
      counts.held += 1;
      return 'hold';
    }
    counts.all -= 1;
    counts.open += 1;
    return 'welcome';
  }

  /** The call has been answered with that status. */
  done(key: string, status: number): void {
    const counts = this.#countsOf(key);
    counts.open = Math.max(0, counts.open - 1);
    if (status >= 400 && status < 500) counts.bad -= 1;
  }

  /** Waits until the call may be refused. @returns the refusal */
  async hold(key: string): Promise<DroverError> {
    await new Promise((resolve) => setTimeout(resolve, HOLD_MS));
    const counts = this.#countsOf(key);
    counts.held = Math.max(0, counts.held - 1);
    const { all, bad, open } = this.#rates;
    if (counts.open >= open)
      return new DroverError('TOO_MANY_REQUESTS', { limit: open, what: 'calls at once' });
    const [limit, what] =
      counts.bad < 1 ? [bad.perSecond, 'refused calls a second'] : [all.perSecond, 'calls a second'];
    return new DroverError('TOO_MANY_REQUESTS', { limit, what });
  }

  #countsOf(key: string): Counts {
    const { all, bad } = this.#rates;
    const now = this.#nowMs();
    const known = this.#of.get(key);
    const counts = known ?? { all: all.burst, bad: bad.burst, open: 0, held: 0, atMs: now };
    const seconds = (now - counts.atMs) / 1000;
    counts.all = Math.min(all.burst, counts.all + seconds * all.perSecond);
    counts.bad = Math.min(bad.burst, counts.bad + seconds * bad.perSecond);
    counts.atMs = now;
    if (known) this.#of.delete(key);
    else if (this.#of.size >= MOST_COUNTED) this.#forgetOne();
    this.#of.set(key, counts);
    return counts;
  }

  #forgetOne(): void {
    for (const [key, { open, held }] of this.#of) {
      if (open > 0 || held > 0) continue;
      this.#of.delete(key);
      return;
    }
  }
}
