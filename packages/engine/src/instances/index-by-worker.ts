/** Which instances a worker still has to do with: those not final, not released, or with a log that is only there. */
import { isFinal } from '@drover/core';
import type { InstanceRow } from '../state/rows.ts';
import type { Change, State } from '../state/state.ts';

export class InstancesByWorker {
  readonly #byWorker = new Map<string, Set<string>>();

  constructor(state: State) {
    state.onChange((change) => this.#observe(change));
  }

  of(workerId: string): ReadonlySet<string> {
    return this.#byWorker.get(workerId) ?? new Set();
  }

  /** For rows that were loaded, not written. */
  admit(row: InstanceRow): void {
    this.#update(undefined, row);
  }

  #observe(change: Change): void {
    if (change.collection !== 'instances') return;
    this.#update(change.before as InstanceRow | undefined, change.after as InstanceRow | undefined);
  }

  #update(before: InstanceRow | undefined, after: InstanceRow | undefined): void {
    if (before?.workerId && before.workerId !== after?.workerId)
      this.#byWorker.get(before.workerId)?.delete(before.id);
    if (!after?.workerId) {
      if (before?.workerId) this.#byWorker.get(before.workerId)?.delete(before.id);
      return;
    }
    const here = this.#byWorker.get(after.workerId) ?? new Set<string>();
    if (isFinal(after.status) && after.released && after.log?.archived !== false) here.delete(after.id);
    else here.add(after.id);
    this.#byWorker.set(after.workerId, here);
  }
}
