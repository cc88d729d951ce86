/** A configuration file that may change while the head runs: read again when its time, size or mode has changed. */
import { readFileSync, statSync } from 'node:fs';

export class WatchedFile<T> {
  readonly #path: string;
  readonly #parse: (text: string) => T;
  readonly #empty: T;
  #mark = '';
  #value: T;
  #error: Error | null = null;

  /** @param empty what counts while there is no file */
  constructor(path: string, empty: T, parse: (text: string) => T) {
    this.#path = path;
    this.#parse = parse;
    this.#empty = empty;
    this.#value = empty;
  }

  /** Why the file as it is now is not used; what was read before counts until it is mended. */
  get error(): Error | null {
    return this.#error;
  }

  get(): T {
    const stat = statSync(this.#path, { throwIfNoEntry: false });
    const mark = stat ? `${stat.mtimeMs} ${stat.size} ${stat.ino} ${stat.mode}` : 'none';
    if (mark === this.#mark) return this.#value;
    this.#mark = mark;
    this.#error = null;
    if (!stat) {
      this.#value = this.#empty;
      return this.#value;
    }
    try {
      this.#value = this.#parse(readFileSync(this.#path, 'utf8'));
    } catch (error) {
      this.#error = error as Error;
    }
    return this.#value;
  }
}
