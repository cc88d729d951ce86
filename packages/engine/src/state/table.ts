/**
 * One collection in memory: rows by id, with indexes by owner and by name. Only {@link State} writes to it.
 */
import type { RowBase } from './rows.ts';

const nameKey = (project: string, name: string): string => `${project}\u0000${name}`;

export class Table<Row extends RowBase> {
  readonly #rows = new Map<string, Row>();
  readonly #byOwner = new Map<string, Set<string>>();
  readonly #byName = new Map<string, Set<string>>();
  /** Revision of the last change, deletions included: what a list has seen at most. */
  lastRev = 0;

  get size(): number {
    return this.#rows.size;
  }

  get(id: string): Row | undefined {
    return this.#rows.get(id);
  }

  all(): IterableIterator<Row> {
    return this.#rows.values();
  }

  /** Rows of this name, newest last. */
  named(project: string, name: string): Row[] {
    return this.#pick(this.#byName.get(nameKey(project, name)));
  }

  ownedBy(owner: string): Row[] {
    return this.#pick(this.#byOwner.get(owner));
  }

  put(row: Row): void {
    const before = this.#rows.get(row.id);
    if (before?.owner !== row.owner || before?.name !== row.name) {
      if (before) this.#unindex(before);
      if (row.owner !== null) add(this.#byOwner, row.owner, row.id);
      if (row.name !== null) add(this.#byName, nameKey(row.project, row.name), row.id);
    }
    this.#rows.set(row.id, row);
  }

  delete(id: string): void {
    const before = this.#rows.get(id);
    if (!before) return;
    this.#unindex(before);
    this.#rows.delete(id);
  }

  #unindex(row: Row): void {
    if (row.owner !== null) remove(this.#byOwner, row.owner, row.id);
    if (row.name !== null) remove(this.#byName, nameKey(row.project, row.name), row.id);
  }

  #pick(ids: ReadonlySet<string> | undefined): Row[] {
    const rows: Row[] = [];
    for (const id of ids ?? []) {
      const row = this.#rows.get(id);
      if (row) rows.push(row);
    }
    return rows.sort((a, b) => a.seq - b.seq);
  }
}

function add(index: Map<string, Set<string>>, key: string, id: string): void {
  const ids = index.get(key);
  if (ids) ids.add(id);
  else index.set(key, new Set([id]));
}

function remove(index: Map<string, Set<string>>, key: string, id: string): void {
  const ids = index.get(key);
  ids?.delete(id);
  if (ids?.size === 0) index.delete(key);
}
