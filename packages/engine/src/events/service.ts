/** The stream of events, resumable by revision. */
import { DroverError } from '@drover/core';
import type { EventView } from '@drover/core/wire';
import type { Actor } from '../actor.ts';
import type { Ports } from '../ports.ts';
import { decodeRow } from '../state/codec.ts';
import type { EventRow } from '../state/rows.ts';
import type { State } from '../state/state.ts';
import { viewEvent } from './view.ts';

export interface EventFilter {
  readonly noun?: string | undefined;
  readonly id?: string | undefined;
}

/** What all projects share; and what only admins see, in which project they may be. */
const SHARED: ReadonlySet<string> = new Set(['workers', 'infra']);
const OF_ADMINS: ReadonlySet<string> = new Set(['users', 'projects', 'tokens', 'joinTokens', 'calls']);

function isFor(actor: Actor, row: EventRow): boolean {
  if (OF_ADMINS.has(row.noun)) return actor.role === 'admin';
  return SHARED.has(row.noun) || row.project === actor.project;
}

/** So many of the newest events are kept in memory for watchers that come back. */
export const EVENTS_REMEMBERED = 5_000;

export class EventService {
  readonly #state: State;
  readonly #ports: Ports;
  #recent: EventRow[] = [];
  /** Everything after this revision is remembered. */
  #since: number;

  /** @param loaded the newest events of the store, oldest first; `complete` when these are all there ever were */
  constructor(
    state: State,
    ports: Ports,
    loaded: { readonly rows: readonly EventRow[]; readonly complete: boolean },
  ) {
    this.#state = state;
    this.#ports = ports;
    this.#recent = [...loaded.rows];
    this.#since = loaded.complete ? 0 : (loaded.rows[0]?.rev ?? state.rev);
    state.subscribe(({ events }) => {
      this.#recent.push(...events);
      if (this.#recent.length <= EVENTS_REMEMBERED * 2) return;
      this.#recent = this.#recent.slice(-EVENTS_REMEMBERED);
      this.#since = this.#recent[0]?.rev ?? this.#since;
    });
  }

  /**
   * Calls `deliver` for each event after revision `after` (default: from now on), then for each that comes.
   * @returns the way to stop. @throws {DroverError} RESYNC when `after` is too old to be complete
   */
  follow(
    actor: Actor,
    after: number | undefined,
    filter: EventFilter,
    deliver: (event: EventView) => void,
  ): () => void {
    const matches = (row: EventRow): boolean =>
      isFor(actor, row) &&
      (filter.noun === undefined || row.noun === filter.noun) &&
      (filter.id === undefined || row.subject === filter.id);
    if (after !== undefined) {
      if (after < this.#since) throw new DroverError('RESYNC', { rev: after });
      for (const row of this.#recent) if (row.rev > after && matches(row)) deliver(viewEvent(row));
    }
    return this.#state.subscribe(({ events }) => {
      for (const row of events) if (matches(row)) deliver(viewEvent(row));
    });
  }

  /** The history of one thing, oldest first, at most `limit` of the newest. */
  async history(noun: string, id: string, limit: number): Promise<EventView[]> {
    await this.#state.durable();
    const rows = await this.#ports.store.page({ collection: 'events', owner: `${noun}/${id}`, limit });
    return rows.map((row) => viewEvent(decodeRow<EventRow>('events', row))).reverse();
  }
}
