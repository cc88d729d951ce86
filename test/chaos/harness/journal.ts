/** What the run did and saw, a line of JSON each: the story to read after a failure. */
import { appendFileSync } from 'node:fs';

export interface Entry {
  /** Milliseconds since the beginning of the run. */
  readonly atMs: number;
  readonly what: string;
  readonly [detail: string]: unknown;
}

export class Journal {
  readonly path: string;
  readonly #begunMs = performance.now();
  readonly #echo: boolean;

  constructor(path: string, echo = false) {
    this.path = path;
    this.#echo = echo;
  }

  nowMs(): number {
    return Math.round(performance.now() - this.#begunMs);
  }

  write(what: string, details: Readonly<Record<string, unknown>> = {}): void {
    const entry: Entry = { atMs: this.nowMs(), at: new Date().toISOString(), what, ...details };
    appendFileSync(this.path, `${JSON.stringify(entry)}\n`);
    if (this.#echo)
      console.error(`${(entry.atMs / 1000).toFixed(1).padStart(7)} s  ${what} ${JSON.stringify(details)}`);
  }
}
