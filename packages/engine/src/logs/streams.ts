/** Where a bulk stream that was asked of a worker meets the one who asked: by ticket, once, within a time. */
import { DroverError } from '@drover/core';
import type { Clock, Random } from '../ports.ts';

/** How long a worker has to dial. */
const DIAL_MS = 10_000;
const MOST_WAITING = 10_000;

/** A stream as it arrives. `bytes` throws when the worker broke off before the end. */
export interface Arrival {
  readonly offset: number;
  readonly available: number;
  readonly size: number;
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Cuts the stream; whoever reads it gets an error. */
  cancel(): void;
}

interface Pending {
  readonly workerId: string;
  readonly arrive: (arrival: Arrival) => void;
  readonly refuse: () => void;
}

export class Streams {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #pending = new Map<string, Pending>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** @returns a ticket for the worker, and the stream that will come with it. Rejects with LOG_UNAVAILABLE. */
  expect(workerId: string, ref: string): { ticket: string; arrival: Promise<Arrival> } {
    if (this.#pending.size >= MOST_WAITING) {
      throw new DroverError('TOO_MANY_REQUESTS', { limit: MOST_WAITING, what: 'log streams being opened' });
    }
    const ticket = this.#random.token('str_');
    const arrival = new Promise<Arrival>((resolve, reject) => {
      const settle = (): void => {
        timer.cancel();
        this.#pending.delete(ticket);
      };
      const refuse = (): void => {
        settle();
        reject(new DroverError('LOG_UNAVAILABLE', { ref, worker: workerId }));
      };
      const timer = this.#clock.after(DIAL_MS, refuse);
      const arrive = (stream: Arrival): void => {
        settle();
        resolve(stream);
      };
      this.#pending.set(ticket, { workerId, arrive, refuse });
    });
    return { ticket, arrival };
  }

  /** The worker has dialled. @returns false when nobody waits for this ticket of this worker. */
  arrive(workerId: string, ticket: string, stream: Arrival): boolean {
    const pending = this.#pending.get(ticket);
    if (!pending || pending.workerId !== workerId) return false;
    pending.arrive(stream);
    return true;
  }

  /** The worker says that it has no such log. */
  refuse(workerId: string, ticket: string): void {
    const pending = this.#pending.get(ticket);
    if (pending?.workerId === workerId) pending.refuse();
  }
}
