/** Attempts on the way to their start. Homes are made ready beside the starts: one that waits holds up no other. */
import type { Attempt } from './attempt.ts';
import { LaunchQueue } from './launch-queue.ts';
import type { AgentPorts } from './ports.ts';

export interface StartsOptions {
  /** Called in each turn before its starts. */
  readonly beforeStarts: () => void;
  /** False: nothing is begun until `resume`. */
  readonly mayStart: () => boolean;
  /** A stop has come while its home was being made ready. */
  readonly withdraw: (attempt: Attempt) => Promise<void>;
}

export class Starts {
  readonly #launches: LaunchQueue;
  readonly #homes: LaunchQueue;

  constructor(ports: Pick<AgentPorts, 'clock' | 'log'>, options: StartsOptions) {
    const { beforeStarts, mayStart, withdraw } = options;
    this.#launches = new LaunchQueue(ports, beforeStarts, mayStart);
    const prepare = async (attempt: Attempt): Promise<void> => {
      const outcome = await attempt.prepare();
      if (outcome === 'ready') this.#launches.add(attempt);
      if (outcome === 'stopped') await withdraw(attempt);
    };
    this.#homes = new LaunchQueue(ports, () => undefined, mayStart, prepare);
  }

  /** The next starts come within this turn. */
  get isDue(): boolean {
    return this.#launches.isDue;
  }

  /** Begins it when it may. */
  add(attempt: Attempt): void {
    (attempt.hasHome ? this.#homes : this.#launches).add(attempt);
  }

  /** Of what has begun already: its launch tells what is there. */
  takeUp(attempt: Attempt): void {
    this.#launches.add(attempt);
  }

  /** Takes it out before anything of it has begun. @returns false when it does not wait here */
  takeOut(attempt: Attempt): boolean {
    return this.#homes.takeOut(attempt) || this.#launches.takeOut(attempt);
  }

  /** What was held back may begin, if it still may. */
  resume(): void {
    this.#homes.resume();
    this.#launches.resume();
  }
}
