/**
 * Stops what asks to be stopped when no head answers any more (`onWorkerLost: stop`), by this worker's own clock.
 *
 * The last contact is also kept outside the process while something asks for this, so that a worker that is killed and
 * started again does not begin to count anew. A machine that started anew has nothing left to stop.
 */
import type { Clock, Timer } from './ports.ts';

interface Watched {
  readonly afterMs: number;
  readonly stop: (silentMs: number) => void;
}

export class LostHead {
  readonly #clock: Clock;
  readonly #keep: (monoMs: number) => void;
  readonly #watched = new Map<string, Watched>();
  #contactMs: number;
  #timer: Timer | null = null;

  /**
   * @param contactMs the last contact that an earlier process kept, by the monotonic clock of the machine; null: none
   * @param keep writes it down, as well as it can
   */
  constructor(clock: Clock, contactMs: number | null, keep: (monoMs: number) => void) {
    this.#clock = clock;
    this.#keep = keep;
    this.#contactMs = Math.min(contactMs ?? Number.POSITIVE_INFINITY, clock.monoMs());
  }

  watch(tag: string, watched: Watched): void {
    this.#watched.set(tag, watched);
    this.#keep(this.#contactMs);
    this.#arm();
  }

  unwatch(tag: string): void {
    this.#watched.delete(tag);
  }

  /** A head has answered what was sent at `sentMs`. */
  contact(sentMs: number): void {
    if (sentMs <= this.#contactMs) return;
    this.#contactMs = sentMs;
    if (this.#watched.size > 0) this.#keep(sentMs);
  }

  #arm(): void {
    this.#timer?.cancel();
    this.#timer = null;
    if (this.#watched.size === 0) return;
    let leastMs = Number.POSITIVE_INFINITY;
    for (const { afterMs } of this.#watched.values()) leastMs = Math.min(leastMs, afterMs);
    const dueMs = this.#contactMs + leastMs - this.#clock.monoMs();
    this.#timer = this.#clock.after(Math.max(0, dueMs), () => this.#look());
  }

  #look(): void {
    const silentMs = this.#clock.monoMs() - this.#contactMs;
    for (const [tag, { afterMs, stop }] of this.#watched) {
      if (silentMs < afterMs) continue;
      this.#watched.delete(tag);
      stop(silentMs);
    }
    this.#arm();
  }
}
