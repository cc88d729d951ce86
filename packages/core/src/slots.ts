/** At most so many pieces of work at once. The others wait: in order, and where several wait, one of each in turn. */
export class Slots {
  #free: number;
  /** Who waits, longest unserved first, and what each of them waits with. */
  readonly #waiting = new Map<string, (() => void)[]>();

  constructor(count: number) {
    this.#free = count;
  }

  /**
   * Runs the work when a slot is free.
   * @param key whose work it is: however much one waits with, each of the others has its turn first
   */
  async use<T>(work: () => Promise<T>, key = ''): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#wait(key, resolve));
    try {
      return await work();
    } finally {
      const next = this.#next();
      if (next) next();
      else this.#free++;
    }
  }

  #wait(key: string, begin: () => void): void {
    const mine = this.#waiting.get(key);
    if (mine) mine.push(begin);
    else this.#waiting.set(key, [begin]);
  }

  #next(): (() => void) | undefined {
    for (const [key, line] of this.#waiting) {
      const begin = line.shift();
      // It goes behind all others that wait.
      this.#waiting.delete(key);
      if (line.length > 0) this.#waiting.set(key, line);
      return begin;
    }
    return undefined;
  }
}
