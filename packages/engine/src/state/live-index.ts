/** The rows of one collection that have not ended, by owner, oldest first: so that what has ended costs nothing. */
import type { Collection, Collections } from './rows.ts';
import type { State } from './state.ts';

export class LiveIndex<C extends Collection> {
  readonly #state: State;
  readonly #collection: C;
  readonly #isLive: (row: Collections[C]) => boolean;
  readonly #ids = new Map<string, Set<string>>();

  /** Hears of every change; what the store holds is admitted. */
  constructor(state: State, collection: C, isLive: (row: Collections[C]) => boolean) {
    this.#state = state;
    this.#collection = collection;
    this.#isLive = isLive;
    state.onChange((change) => {
      if (change.collection !== collection) return;
      const { before, after } = change as { before?: Collections[C]; after?: Collections[C] };
      if (before && !after) this.#drop(before);
      if (after) this.#set(after);
    });
  }

  /** Those of this owner (`clusters/<id>`), oldest first. */
  of(owner: string): Collections[C][] {
    const rows: Collections[C][] = [];
    for (const id of this.#ids.get(owner) ?? []) {
      const row = this.#state.tables[this.#collection].get(id);
      if (row) rows.push(row);
    }
    return rows;
  }

  /** Those of every owner. */
  *all(): Generator<Collections[C]> {
    for (const owner of this.#ids.keys()) yield* this.of(owner);
  }

  /** A row that the store has held, in the order of `seq`. */
  admit(row: Collections[C]): void {
    this.#set(row);
  }

  #set(row: Collections[C]): void {
    if (!this.#isLive(row)) {
      this.#drop(row);
      return;
    }
    if (row.owner === null) return;
    const ids = this.#ids.get(row.owner);
    if (ids) ids.add(row.id);
    else this.#ids.set(row.owner, new Set([row.id]));
  }

  #drop(row: Collections[C]): void {
    const ids = this.#ids.get(row.owner ?? '');
    ids?.delete(row.id);
    if (ids?.size === 0) this.#ids.delete(row.owner ?? '');
  }
}
