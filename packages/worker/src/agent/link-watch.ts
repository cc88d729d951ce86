/** Whether the head at the other end of a link answers: first with a welcome, then each ping. */
import { SLEPT_MS, WELCOME_MS } from './limits.ts';
import type { Clock, Timer } from './ports.ts';

export class LinkWatch {
  readonly #clock: Clock;
  #timer: Timer | null = null;
  #answeredMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A hello was sent. A head that took it and then stood still is left as well. */
  untilWelcome(onSilence: (why: string) => void): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.after(WELCOME_MS, () => onSilence('the head does not welcome this worker'));
  }

  /** Only an answered ping counts: a link that sends and hears nothing is no link. */
  welcomed(timing: {
    readonly pingMs: number;
    readonly leaseMs: number;
    readonly ping: (sentMs: number) => void;
    readonly onSilence: (why: string) => void;
  }): void {
    this.#answeredMs = this.#clock.monoMs();
    const aheadMs = this.#aheadMs();
    const again = (): void => {
      this.#timer?.cancel();
      this.#timer = this.#clock.after(timing.pingMs, () => {
        const now = this.#clock.monoMs();
        if (now - this.#answeredMs > timing.leaseMs) {
          timing.onSilence('the head does not answer');
          return;
        }
        // The wall clock ran ahead of the other: the machine slept, or its clock was set. The head is asked anew.
        if (this.#aheadMs() - aheadMs > SLEPT_MS) {
          timing.onSilence('this machine slept, or its clock was set');
          return;
        }
        timing.ping(now);
        again();
      });
    };
    again();
  }

  #aheadMs(): number {
    return this.#clock.wallMs() - this.#clock.monoMs();
  }

  answered(sentMs: number): void {
    this.#answeredMs = Math.max(this.#answeredMs, sentMs);
  }

  stop(): void {
    this.#timer?.cancel();
  }
}
