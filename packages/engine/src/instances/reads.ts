/**
 * Everything that is read of instances. What is returned has become durable before. Live ones are answered by memory,
 * lists that can reach ended ones by the store alone.
 */
import { DroverError, type InstanceStatus, isFinal, isUuid, parseName, Slots } from '@drover/core';
import type { InstanceListQuery, WaitFor } from '@drover/core/wire';
import type { Actor } from '../actor.ts';
import type { Ports } from '../ports.ts';
import { decodeRow } from '../state/codec.ts';
import type { InstanceRow } from '../state/rows.ts';
import type { State } from '../state/state.ts';

/** Rows read from the store at once while a filter is applied. */
/** Read at once at first: a row may have megabytes. */
const READ_ROWS = 64;
/** A page ends here, however many rows were asked for. */
const PAGE_CHARACTERS = 8 * 1024 * 1024;
const SCAN_ROWS = 1_000;
/** Lists that read the store at once: decoding rows is work of the one thread that answers everybody. */
const SCANS_AT_ONCE = 2;
/** The shortest beginning of an id that names an instance. */
const PREFIX_LENGTH = 4;

export class InstanceReads {
  readonly #state: State;
  readonly #ports: Ports;
  readonly #scans = new Slots(SCANS_AT_ONCE);
  readonly #watchers = new Map<string, Set<(row: InstanceRow | undefined) => void>>();

  constructor(state: State, ports: Ports) {
    this.#state = state;
    this.#ports = ports;
    state.subscribe(({ changes }) => {
      if (this.#watchers.size === 0) return;
      for (const change of changes) {
        if (change.collection !== 'instances') continue;
        for (const tell of this.#watchers.get(change.id) ?? []) tell(change.after as InstanceRow | undefined);
      }
    });
  }

  /** The durable row, or null. Ended ones come from the store when memory has let them go. */
  async find(id: string): Promise<InstanceRow | null> {
    const row = this.#state.tables.instances.get(id);
    if (row && (await this.#state.durableUnlessStalled(row.rev))) return row;
    if (!isUuid(id)) return null;
    await this.#state.durableUnlessStalled(this.#state.tables.instances.lastRev);
    const stored = await this.#ports.store.get('instances', id);
    return stored && decodeRow<InstanceRow>('instances', stored);
  }

  /**
   * An id, else a name (one that has not ended first, then the newest), else the beginning of an id.
   * @throws {DroverError} INSTANCE_NOT_FOUND, AMBIGUOUS
   */
  async resolve(actor: Actor, ref: string): Promise<InstanceRow> {
    const row =
      (isUuid(ref) ? await this.find(ref) : null) ??
      (await this.byName(actor, ref)) ??
      (await this.#byPrefix(actor, ref));
    if (!row || row.project !== actor.project) throw new DroverError('INSTANCE_NOT_FOUND', { ref });
    return row;
  }

  /** The one of this name that has not ended, else the newest that bears it. Null: none. */
  async byName(actor: Actor, text: string): Promise<InstanceRow | null> {
    const name = parseName(text);
    if (name === null) return null;
    const here = this.#state.tables.instances.named(actor.project, name);
    const best = here.find((row) => !isFinal(row.status)) ?? here.at(-1);
    if (best && (await this.#state.durableUnlessStalled(best.rev))) return best;
    await this.#state.durableUnlessStalled(this.#state.tables.instances.lastRev);
    const stored = await this.#ports.store.page({ collection: 'instances', name, limit: 10 });
    const row = stored.find((each) => each.project === actor.project);
    return row ? decodeRow<InstanceRow>('instances', row) : null;
  }

  async #byPrefix(actor: Actor, ref: string): Promise<InstanceRow | null> {
    if (ref.length < PREFIX_LENGTH || !/^[0-9a-f-]+$/.test(ref)) return null;
    const matches: InstanceRow[] = [];
    for (const row of this.#state.tables.instances.all()) {
      if (row.id.startsWith(ref) && row.project === actor.project) matches.push(row);
    }
    if (matches.length > 1) {
      throw new DroverError('AMBIGUOUS', {
        ref,
        matches: matches
          .slice(0, 5)
          .map((row) => row.id)
          .join(', '),
      });
    }
    return matches[0] ? this.find(matches[0].id) : null;
  }

  /**
   * Waits until the instance is as wanted. @returns its state then, or at the end of the time, met or not.
   * @throws {DroverError} INSTANCE_NOT_FOUND, also when it is deleted meanwhile
   */
  async wait(
    id: string,
    wanted: WaitFor,
    timeoutMs: number,
    signal?: { readonly aborted: boolean; onAbort(fn: () => void): unknown },
  ): Promise<InstanceRow> {
    const met = (row: InstanceRow): boolean =>
      isFinal(row.status) || (wanted === 'running' && row.status === 'RUNNING');
    let latest: InstanceRow | null | undefined;
    let wake: (() => void) | undefined;
    let unsubscribe: unknown;
    const watchers = this.#watchers.get(id) ?? new Set();
    const tell = (row: InstanceRow | undefined): void => {
      latest = row ?? null;
      if (!row || met(row)) wake?.();
    };
    watchers.add(tell);
    this.#watchers.set(id, watchers);
    try {
      const now = await this.find(id);
      if (latest === undefined) latest = now;
      if (latest && !met(latest) && timeoutMs > 0 && !signal?.aborted) {
        await new Promise<void>((resolve) => {
          const timer = this.#ports.clock.after(timeoutMs, resolve);
          wake = () => {
            timer.cancel();
            resolve();
          };
          unsubscribe = signal?.onAbort(wake);
        });
      }
    } finally {
      if (typeof unsubscribe === 'function') unsubscribe();
      watchers.delete(tell);
      if (watchers.size === 0 && this.#watchers.get(id) === watchers) this.#watchers.delete(id);
    }
    if (!latest) throw new DroverError('INSTANCE_NOT_FOUND', { ref: id });
    return latest;
  }

  /** A page, newest first. @returns rows and the cursor of the next page, or null at the end. */
  async list(
    actor: Actor,
    query: InstanceListQuery,
  ): Promise<{ rows: InstanceRow[]; nextCursor: string | null }> {
    const statuses = query.status === undefined ? undefined : [query.status].flat();
    const matches = matcher(actor, query, statuses);
    const before = query.cursor === undefined ? Number.POSITIVE_INFINITY : Number(query.cursor);
    const live = statuses?.every((status) => !isFinal(status)) ?? false;
    const rows =
      (live ? await this.#listLive(matches, before, query.limit) : null) ??
      (await this.#scans.use(
        () => this.#listStored(matches, actor.project, before, query, statuses),
        actor.name,
      ));
    const count = fitting(rows, query.limit);
    const last = rows.length > count ? rows[count - 1] : undefined;
    return { rows: rows.slice(0, count), nextCursor: last ? String(last.seq) : null };
  }

  async #listLive(
    matches: (row: InstanceRow) => boolean,
    before: number,
    limit: number,
  ): Promise<InstanceRow[] | null> {
    const table = this.#state.tables.instances;
    const rows: InstanceRow[] = [];
    for (const row of table.all()) if (row.seq < before && matches(row)) rows.push(row);
    rows.sort((a, b) => b.seq - a.seq);
    return (await this.#state.durableUnlessStalled(table.lastRev)) ? rows.slice(0, limit + 1) : null;
  }

  async #listStored(
    matches: (row: InstanceRow) => boolean,
    project: string,
    before: number,
    query: InstanceListQuery,
    statuses: readonly InstanceStatus[] | undefined,
  ): Promise<InstanceRow[]> {
    await this.#state.durableUnlessStalled(this.#state.tables.instances.lastRev);
    const filtered = query.label !== undefined || query.worker !== undefined;
    const name = query.name === undefined ? undefined : (parseName(query.name) ?? query.name);
    const rows: InstanceRow[] = [];
    let beforeSeq = before;
    let readRows = READ_ROWS;
    while (rows.length <= query.limit && fitting(rows, query.limit) === rows.length) {
      const limit = Math.min(filtered ? SCAN_ROWS : query.limit + 1, readRows);
      const page = await this.#ports.store.page({
        collection: 'instances',
        project,
        limit,
        ...(statuses && { statuses }),
        ...(name !== undefined && { name }),
        ...(Number.isFinite(beforeSeq) && { beforeSeq }),
      });
      for (const stored of page) {
        const row = decodeRow<InstanceRow>('instances', stored);
        if (matches(row)) rows.push(row);
        beforeSeq = row.seq;
      }
      if (page.length < limit) break;
      const characters = page.reduce((sum, { body }) => sum + body.length, 0);
      readRows = characters * 4 < PAGE_CHARACTERS ? readRows * 4 : READ_ROWS;
    }
    return rows;
  }
}

/** How many of them one page has: at least one, if there is one. */
function fitting(rows: readonly InstanceRow[], limit: number): number {
  let characters = 0;
  let count = 0;
  for (const row of rows) {
    characters += weightOf(row);
    if (count > 0 && (count === limit || characters > PAGE_CHARACTERS)) break;
    count += 1;
  }
  return count;
}

/** Of what a caller may make large. */
function weightOf({ spec }: InstanceRow): number {
  let characters = 0;
  for (const value of [spec.command].flat()) characters += value.length;
  for (const texts of [spec.env, spec.labels])
    for (const [key, value] of Object.entries(texts)) characters += key.length + value.length;
  return characters;
}

function matcher(
  actor: Actor,
  query: InstanceListQuery,
  statuses: readonly InstanceStatus[] | undefined,
): (row: InstanceRow) => boolean {
  const labels = (query.label === undefined ? [] : [query.label].flat()).map((pair) => {
    const at = pair.indexOf('=');
    return [pair.slice(0, at), pair.slice(at + 1)] as const;
  });
  const name = query.name === undefined ? undefined : (parseName(query.name) ?? query.name);
  return (row) =>
    row.project === actor.project &&
    (statuses === undefined || statuses.includes(row.status)) &&
    (name === undefined || row.name === name) &&
    (query.worker === undefined || row.workerId === query.worker) &&
    labels.every(([key, value]) => Object.hasOwn(row.spec.labels, key) && row.spec.labels[key] === value);
}
