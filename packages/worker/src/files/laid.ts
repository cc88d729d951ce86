/** What was laid out, as it was when it was laid out: what still looks so need not be read to know that it is the same. */
import type { BigIntStats } from 'node:fs';
import { linesOf } from './lines.ts';

/** The look of a file: whatever is written to it changes it. */
export const lookOf = ({ size, mtimeNs, ctimeNs, ino }: BigIntStats): string =>
  `${size} ${mtimeNs} ${ctimeNs} ${ino}`;

/** One line of the record. */
export interface Laid {
  readonly path: string;
  readonly sha256: string;
  readonly look: string;
}

export const laidLine = ({ path, sha256, look }: Laid): string => `${JSON.stringify([path, sha256, look])}\n`;

/**
 * The lines of a record, which is sorted as a tree is, read alongside one. One of an earlier start of the machine, which
 * may have lost what was written last, counts as none; so does what follows a damaged line.
 */
export class LaidReader {
  readonly #lines: AsyncGenerator<string>;
  readonly #bootId: string;
  #next: Laid | null = null;
  #hasBegun = false;

  constructor(path: string, bootId: string) {
    this.#lines = linesOf(path);
    this.#bootId = bootId;
  }

  /** The line of this path; paths are asked for in order. */
  async at(path: string): Promise<Laid | null> {
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      if ((await this.#read()) === this.#bootId) await this.#step();
    }
    while (this.#next !== null && this.#next.path < path) await this.#step();
    return this.#next?.path === path ? this.#next : null;
  }

  async close(): Promise<void> {
    await this.#lines.return(undefined);
  }

  async #step(): Promise<void> {
    const line = await this.#read();
    this.#next = null;
    if (line === null) return;
    try {
      const [path, sha256, look] = JSON.parse(line) as [string, string, string];
      this.#next = { path, sha256, look };
    } catch {
      // Damaged: the files that follow are compared by what is in them.
    }
  }

  /** Null at the end, and when there is no record. */
  async #read(): Promise<string | null> {
    try {
      const { value, done } = await this.#lines.next();
      return done ? null : (value as string);
    } catch {
      return null;
    }
  }
}
