/**
 * Calls to one provider: so many at once, each user's in turn, so that one who wants a hundred machines does not make
 * all others wait. A provider that limits the rate is left alone for a while, as a whole.
 */
import type { Clock } from '../ports.ts';

const AT_ONCE = 8;
const PAUSE_MS = { first: 1_000, most: 60_000 } as const;

interface Call {
  readonly key: string;
  readonly run: () => Promise<void>;
}

export class ProviderQueue {
  readonly #clock: Clock;
  /** What waits, by user, in the order in which users take their turn. */
  readonly #waiting = new Map<string, Call[]>();
  readonly #known = new Set<string>();
  #inFlight = 0;
  #pauses = 0;
  #pausedUntilMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether a call for this key waits or is under way. */
  has(key: string): boolean {
    return this.#known.has(key);
  }

  /** Calls later, when there is room. `run` must not throw. One call per key at a time: a second is dropped. */
  add(user: string, key: string, run: () => Promise<void>): void {
    if (this.#known.has(key)) return;
    this.#known.add(key);
    const calls = this.#waiting.get(user);
    if (calls) calls.push({ key, run });
    else this.#waiting.set(user, [{ key, run }]);
    this.#next();
  }

  /** The provider has asked for less. Without a time of its own the pause doubles each time. */
  pause(forMs: number | null): void {
    this.#pauses += 1;
    const pauseMs = forMs ?? Math.min(PAUSE_MS.first * 2 ** (this.#pauses - 1), PAUSE_MS.most);
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#clock.monoMs() + pauseMs);
    this.#wakeIn(pauseMs);
  }

  /** Timers may come a little early. */
  #wakeIn(delayMs: number): void {
    this.#clock.after(delayMs, () => {
      if (this.pausedMs > 0) this.#wakeIn(this.pausedMs);
      else this.#next();
    });
  }

  /** How long it is still to be left alone. */
  get pausedMs(): number {
    return Math.max(0, this.#pausedUntilMs - this.#clock.monoMs());
  }

  /** It answers again. */
  resume(): void {
    this.#pauses = 0;
  }

  #next(): void {
    while (this.#inFlight < AT_ONCE && this.pausedMs === 0) {
      const [turn] = this.#waiting;
      if (!turn) return;
      const [user, calls] = turn;
      const call = calls.shift();
      // To the end of the line.
      this.#waiting.delete(user);
      if (calls.length > 0) this.#waiting.set(user, calls);
      if (call) this.#begin(call);
    }
  }

  #begin({ key, run }: Call): void {
    this.#inFlight += 1;
    const done = (): void => {
      this.#inFlight -= 1;
      this.#known.delete(key);
      this.#next();
    };
    run().then(done, done);
  }
}
