/** Everything that is read of requests; what is returned has become durable before. */
import { DroverError, isRequestFinal, isUuid } from '@drover/core';
import type { RequestListQuery } from '@drover/core/wire';
import { type Actor, userOf } from '../actor.ts';
import type { Ports } from '../ports.ts';
import { decodeRow } from '../state/codec.ts';
import type { State } from '../state/state.ts';
import type { RequestRow } from './row.ts';

interface Abort {
  readonly aborted: boolean;
  onAbort(fn: () => void): unknown;
}

const PREFIX = /^[0-9a-f-]{3,36}$/;

export class RequestReads {
  readonly #state: State;
  readonly #ports: Ports;
  readonly #watchers = new Map<string, Set<() => void>>();

  constructor(state: State, ports: Ports) {
    this.#state = state;
    this.#ports = ports;
    state.subscribe(({ changes }) => {
      if (this.#watchers.size === 0) return;
      for (const change of changes)
        if (change.collection === 'requests') for (const wake of this.#watchers.get(change.id) ?? []) wake();
    });
  }

  async find(id: string): Promise<RequestRow | null> {
    const row = this.#state.tables.requests.get(id);
    if (row && (await this.#state.durableUnlessStalled(row.rev))) return row;
    if (!isUuid(id)) return null;
    await this.#state.durableUnlessStalled(this.#state.tables.requests.lastRev);
    const stored = await this.#ports.store.get('requests', id);
    return stored && decodeRow<RequestRow>('requests', stored);
  }

  /**
   * An id, or its beginning (3 characters or more); null: the newest that there is.
   * @param projects where it is looked for; left out: in the one of the call
   * @throws {DroverError} REQUEST_NOT_FOUND, AMBIGUOUS
   */
  async resolve(
    actor: Pick<Actor, 'project'>,
    ref: string | null,
    projects: ReadonlySet<string> = new Set([actor.project]),
  ): Promise<RequestRow> {
    const row = ref === null ? await this.#newest(projects) : await this.#named(projects, ref);
    if (!row || !projects.has(row.project))
      throw new DroverError('REQUEST_NOT_FOUND', { ref: ref ?? '(the newest)' });
    return row;
  }

  async #newest(projects: ReadonlySet<string>): Promise<RequestRow | null> {
    let newest: RequestRow | undefined;
    for (const row of this.#state.tables.requests.all())
      if (projects.has(row.project) && (!newest || row.seq > newest.seq)) newest = row;
    return newest ? this.find(newest.id) : null;
  }

  async #named(projects: ReadonlySet<string>, ref: string): Promise<RequestRow | null> {
    if (isUuid(ref)) return this.find(ref);
    if (!PREFIX.test(ref)) return null;
    const matches: string[] = [];
    for (const row of this.#state.tables.requests.all())
      if (row.id.startsWith(ref) && projects.has(row.project)) matches.push(row.id);
    if (matches.length > 1)
      throw new DroverError('AMBIGUOUS', { ref, matches: matches.slice(0, 5).join(', ') });
    return matches[0] === undefined ? null : this.find(matches[0]);
  }

  /** A page, newest first. @param projects whose; left out: those of the one of the call */
  async list(
    actor: Actor,
    query: RequestListQuery,
    projects: ReadonlySet<string> = new Set([actor.project]),
  ): Promise<{ rows: RequestRow[]; nextCursor: string | null }> {
    const before = query.cursor === undefined ? Number.POSITIVE_INFINITY : Number(query.cursor);
    const user = userOf(actor).id;
    const rows: RequestRow[] = [];
    for (const row of this.#state.tables.requests.all()) {
      if (!projects.has(row.project) || row.seq >= before) continue;
      if (!query.all && isRequestFinal(row.status)) continue;
      if (!query.allUsers && row.user.id !== user) continue;
      if (query.cluster !== undefined && row.cluster !== query.cluster) continue;
      rows.push(row);
    }
    rows.sort((a, b) => b.seq - a.seq);
    await this.#state.durableUnlessStalled(this.#state.tables.requests.lastRev);
    const last = rows.length > query.limit ? rows[query.limit - 1] : undefined;
    return { rows: rows.slice(0, query.limit), nextCursor: last ? String(last.seq) : null };
  }

  /** Waits until it has ended. @returns its row then, or at the end of the time */
  async wait(id: string, timeoutMs: number, abort?: Abort): Promise<RequestRow> {
    const deadline = this.#ports.clock.monoMs() + timeoutMs;
    for (;;) {
      const row = await this.find(id);
      if (!row) throw new DroverError('REQUEST_NOT_FOUND', { ref: id });
      const leftMs = deadline - this.#ports.clock.monoMs();
      if (isRequestFinal(row.status) || leftMs <= 0 || abort?.aborted) return row;
      await this.changed(id, row.rev, leftMs, abort);
    }
  }

  /** Resolves when the row is newer than `rev`, or the time is over. */
  async changed(id: string, rev: number, timeoutMs: number, abort?: Abort): Promise<void> {
    await new Promise<void>((resolve) => {
      const wakers = this.#watchers.get(id) ?? new Set();
      this.#watchers.set(id, wakers);
      let unsubscribe: unknown;
      const done = (): void => {
        timer.cancel();
        wakers.delete(done);
        if (wakers.size === 0 && this.#watchers.get(id) === wakers) this.#watchers.delete(id);
        if (typeof unsubscribe === 'function') unsubscribe();
        resolve();
      };
      const timer = this.#ports.clock.after(timeoutMs, done);
      wakers.add(done);
      unsubscribe = abort?.onAbort(done);
      const now = this.#state.tables.requests.get(id);
      if (!now || (now.rev !== rev && now.rev <= this.#state.durableRev)) done();
    });
  }
}
