/** Attempts that wait for their start. A few start in a turn; ends, messages and pings go before the next few. */
import type { Attempt } from './attempt.ts';
import { LAUNCHES_AT_ONCE } from './limits.ts';
import type { AgentPorts } from './ports.ts';

export class LaunchQueue {
  readonly #ports: Pick<AgentPorts, 'clock' | 'log'>;
  readonly #beforeStarts: () => void;
  readonly #mayStart: () => boolean;
  readonly #begin: (attempt: Attempt) => Promise<void>;
  readonly #waiting = new Set<Attempt>();
  #launching = 0;
  #isDue = false;

  /**
   * @param beforeStarts called in each turn before its starts
   * @param mayStart false: nothing is begun until `resume`
   * @param begin what is done with each; so many are under way at once
   */
  constructor(
    ports: Pick<AgentPorts, 'clock' | 'log'>,
    beforeStarts: () => void,
    mayStart: () => boolean = () => true,
    begin: (attempt: Attempt) => Promise<void> = (attempt) => attempt.launch(),
  ) {
    this.#ports = ports;
    this.#begin = begin;
    this.#mayStart = mayStart;
    this.#beforeStarts = beforeStarts;
  }

  /** The next starts come within this turn. */
  get isDue(): boolean {
    return this.#isDue;
  }

  add(attempt: Attempt): void {
    this.#waiting.add(attempt);
    this.#more();
  }

  /** Takes it out before its start has begun. @returns false when it does not wait here */
  takeOut(attempt: Attempt): boolean {
    return this.#waiting.delete(attempt);
  }

  /** What was held back may begin, if it still may. */
  resume(): void {
    this.#more();
  }

  #more(): void {
    if (!this.#mayStart() || this.#isDue || this.#launching >= LAUNCHES_AT_ONCE || this.#waiting.size === 0)
      return;
    this.#isDue = true;
    this.#ports.clock.defer(() => {
      this.#isDue = false;
      this.#beforeStarts();
      for (const attempt of this.#waiting) {
        if (this.#launching >= LAUNCHES_AT_ONCE || !this.#mayStart()) return;
        this.#waiting.delete(attempt);
        this.#launch(attempt);
      }
    });
  }

  #launch(attempt: Attempt): void {
    this.#launching += 1;
    this.#begin(attempt)
      .catch((err: unknown) => this.#ports.log.error({ ...attempt.key, err }, 'a start went wrong'))
      .finally(() => {
        this.#launching -= 1;
        this.#more();
      })
      .catch(() => undefined);
  }
}
