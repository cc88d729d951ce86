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
  /** Wall clock minus monotonic clock at the renewal. */
  #aheadMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How long the head gives, in milliseconds. */
  set lengthMs(leaseMs: number) {
    this.#leaseMs = leaseMs;
  }

  /** @param sentMs when the question was sent that has been answered, by the monotonic clock */
  renew(sentMs: number): void {
    if (sentMs <= this.#renewedMs) return;
    this.#renewedMs = sentMs;
    this.#aheadMs = this.#clock.wallMs() - this.#clock.monoMs();
  }

  get isValid(): boolean {
    const now = this.#clock.monoMs();
    // Not after a sleep of the machine: others may have moved on.
    return now - this.#renewedMs <= this.#leaseMs && this.#clock.wallMs() - now - this.#aheadMs <= SLEPT_MS;
  }
}
