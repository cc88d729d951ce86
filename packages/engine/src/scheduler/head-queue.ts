/** The queues of a pass by the rank of their first unit: a binary heap, so that many shapes cost little. */
import type { Queue } from './ledger.ts';
import { goesBefore, type Unit } from './types.ts';

/** The oldest unit of a queue that is not empty. */
export const first = (queue: Queue): Unit => queue.units.values().next().value as Unit;

export class HeadQueue {
  readonly #heap: { readonly queue: Queue; readonly head: Unit }[] = [];

  constructor(queues: Iterable<Queue>) {
    for (const queue of queues) this.add(queue);
  }

  /** A queue enters, or comes back with its next unit first. */
  add(queue: Queue): void {
    const heap = this.#heap;
    const entry = { queue, head: first(queue) };
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (!above || !goesBefore(entry.head, above.head)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = entry;
  }

  /** @returns the queue whose first unit goes before all others, and leaves it out; undefined when none is left */
  take(): Queue | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (!top || !last || heap.length === 0) return top?.queue;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const left = heap[child];
      const right = heap[child + 1];
      if (!left) break;
      if (right && goesBefore(right.head, left.head)) child += 1;
      const lower = heap[child];
      if (!lower || !goesBefore(lower.head, last.head)) break;
      heap[at] = lower;
      at = child;
    }
    heap[at] = last;
    return top.queue;
  }
}
