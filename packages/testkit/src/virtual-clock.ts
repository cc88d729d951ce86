/** Time that moves only when a test says so: one event per turn, in order of its time, then of its making. */
import type { Clock, Timer } from '@drover/engine';

/** The life of one process. */
export interface Life {
  dead: boolean;
  skewMs: number;
  /** What waits for the thaw; null when the process runs. */
  frozen?: (() => void)[] | null;
  /** How often it was stopped and not yet continued. */
  freezes?: number;
}

interface Entry {
  readonly atMs: number;
  readonly order: number;
  readonly fn: () => void;
  cancelled: boolean;
}

/** Lets everything run that only waits for promises. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export class VirtualClock {
  #nowMs = 0;
  #order = 0;
  /** A binary heap by (atMs, order). */
  readonly #heap: Entry[] = [];
  events = 0;

  get nowMs(): number {
    return this.#nowMs;
  }

  /**
   * A clock as the engine and the agent see it; `skewMs` moves its wall time only. Dead: its timers never fire. Frozen:
   * they wait for the thaw, as in a process that was stopped.
   */
  view(life: Life): Clock {
    const run = (fn: () => void): void => {
      if (life.dead) return;
      if (life.frozen) life.frozen.push(() => run(fn));
      else fn();
    };
    return {
      wallMs: () => 1_800_000_000_000 + this.#nowMs + life.skewMs,
      monoMs: () => this.#nowMs,
      after: (delayMs, fn) => this.after(delayMs, () => run(fn)),
      defer: (fn) => {
        this.after(0, () => run(fn));
      },
    };
  }

  after(delayMs: number, fn: () => void): Timer {
    const entry: Entry = {
      atMs: this.#nowMs + Math.max(0, delayMs),
      order: this.#order++,
      fn,
      cancelled: false,
    };
    this.#push(entry);
    return {
      cancel: () => {
        entry.cancelled = true;
      },
    };
  }

  /** Runs the next event. @returns false when there is none */
  async step(): Promise<boolean> {
    const entry = this.#pop();
    if (!entry) return false;
    this.#nowMs = entry.atMs;
    if (!entry.cancelled) {
      this.events += 1;
      entry.fn();
      await settle();
    }
    return true;
  }

  /** Runs events until `done`, at most to `limitMs`. @returns whether it became true */
  async until(done: () => boolean, limitMs: number): Promise<boolean> {
    await settle();
    while (!done()) {
      const next = this.#heap[0];
      if (!next || next.atMs > limitMs) return false;
      await this.step();
    }
    return true;
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(entry, heap[parent] as Entry)) break;
      heap[at] = heap[parent] as Entry;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): Entry | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (!top || !last || heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Entry, heap[child] as Entry)) child += 1;
      if (!before(heap[child] as Entry, last)) break;
      heap[at] = heap[child] as Entry;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}

const before = (a: Entry, b: Entry): boolean => (a.atMs !== b.atMs ? a.atMs < b.atMs : a.order < b.order);
