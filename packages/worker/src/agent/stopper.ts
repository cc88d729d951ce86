/** Ends work that is under way: whoever does it looks at `isStopped` or asks to be called. */
import type { StopSignal } from './ports.ts';

export class Stopper implements StopSignal {
  #isStopped = false;
  readonly #listeners = new Set<() => void>();

  get isStopped(): boolean {
    return this.#isStopped;
  }

  onStop(fn: () => void): () => void {
    const call = (): void => fn();
    if (this.#isStopped) call();
    else this.#listeners.add(call);
    return () => void this.#listeners.delete(call);
  }

  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    for (const listener of [...this.#listeners]) listener();
    this.#listeners.clear();
  }
}
