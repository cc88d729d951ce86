/** Whether the head at the other end of a link answers: first with a welcome, then each ping. */
import { WELCOME_MS } from './limits.ts';
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
    /** True when the machine slept: the head has to be asked anew. */
    readonly slept: () => boolean;
    readonly onSilence: (why: string) => void;
  }): void {
    this.#answeredMs = this.#clock.monoMs();
    const again = (): void => {
      this.#timer?.cancel();
      this.#timer = this.#clock.after(timing.pingMs, () => {
        const now = this.#clock.monoMs();
        if (now - this.#answeredMs > timing.leaseMs) {
          timing.onSilence('the head does not answer');
          return;
        }
        if (timing.slept()) {
          timing.onSilence('this machine slept, or its clock was set');
          return;
        }
        timing.ping(now);
        again();
      });
    };
    again();
  }

  answered(sentMs: number): void {
    this.#answeredMs = Math.max(this.#answeredMs, sentMs);
  }

  stop(): void {
    this.#timer?.cancel();
  }
}
