/**
 * For how long this worker may act on what a head has told it. An answered ping renews the lease, counted from when the
 * ping was sent, on the monotonic clock. Without it nothing is begun any more: a head that has not heard of this worker
 * may have decided otherwise meanwhile. What runs, runs on.
 */
import { SLEPT_MS } from './limits.ts';
import type { Clock } from './ports.ts';

export class Lease {
  readonly #clock: Clock;
  #leaseMs = 0;
  #renewedMs = Number.NEGATIVE_INFINITY;
  /** Wall clock minus monotonic clock when the link was settled. */
  #aheadMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How long the head gives, in milliseconds. */
  set lengthMs(leaseMs: number) {
    this.#leaseMs = leaseMs;
  }

  /** The head has judged all that is here. @param sentMs when its hello was sent, by the monotonic clock */
  begin(sentMs: number): void {
    this.#renewedMs = sentMs;
    this.#aheadMs = this.#clock.wallMs() - this.#clock.monoMs();
  }

  /** @param sentMs when the ping was sent that is answered. It may have waited in the socket while the machine slept. */
  renew(sentMs: number): void {
    this.#renewedMs = Math.max(this.#renewedMs, sentMs);
  }

  get isValid(): boolean {
    const now = this.#clock.monoMs();
    // Not after a sleep of the machine: others may have moved on.
    return now - this.#renewedMs <= this.#leaseMs && this.#clock.wallMs() - now - this.#aheadMs <= SLEPT_MS;
  }
}
