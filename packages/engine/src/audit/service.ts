/** The audit: who did what to which object, from where, and who was refused. A filter on the events. */
import { networkOf } from '@drover/core';
import type { AuditView, AuditWish } from '@drover/core/wire';
import { type Actor, SYSTEM } from '../actor.ts';
import { viewEvent } from '../events/view.ts';
import type { Ports } from '../ports.ts';
import { decodeRow } from '../state/codec.ts';
import type { EventRow } from '../state/rows.ts';
import type { State } from '../state/state.ts';

/** Events read from the store at once, and at most for one page: what is rare does not hold up the head. */
const SCAN_ROWS = 1_000;
const MOST_SCANNED = 20_000;
/** A refusal of the same caller for the same reason is written once in such a time, with how often it was. */
const DENIAL_EVERY_MS = 60_000;
/** Callers whose refusals are told apart at once; beyond them they are counted together. */
const MOST_DENIED = 1_000;
const OTHERS = 'others';

/** A call that was refused. */
export interface Denial {
  readonly code: string;
  readonly message: string;
  readonly method: string;
  /** The pattern of the route, never what was asked for. */
  readonly route: string;
}

export class AuditService {
  readonly #state: State;
  readonly #ports: Ports;
  readonly #denied = new Map<string, { times: number }>();

  constructor(state: State, ports: Ports) {
    this.#state = state;
    this.#ports = ports;
  }

  /**
   * Writes that a call was refused: the first at once, more of the same kind as a number a minute later. So a flood of
   * them costs a line a minute for each of at most a thousand callers.
   */
  deny(actor: Actor, denial: Denial): void {
    const own = `${actor.name} ${networkOf(actor.source ?? '')} ${denial.code}`;
    const isTold = this.#denied.has(own) || this.#denied.size < MOST_DENIED;
    const key = isTold ? own : OTHERS;
    const who = isTold ? actor : SYSTEM;
    const counted = this.#denied.get(key);
    if (counted) {
      counted.times += 1;
      return;
    }
    const next = { times: 0 };
    this.#denied.set(key, next);
    this.#write(who, denial, 1);
    this.#ports.clock.after(DENIAL_EVERY_MS, () => {
      this.#denied.delete(key);
      if (next.times > 0) this.#write(who, denial, next.times);
    });
  }

  #write(actor: Actor, { code, message, method, route }: Denial, times: number): void {
    // A store that refuses has worse to tell; nobody waits for this line.
    if (this.#state.stalled !== null) return;
    const often = times === 1 ? '' : ` (${times} more times within a minute)`;
    this.#state.transact(actor, (tx) =>
      tx.event({
        noun: 'calls',
        subject: `${method} ${route}`.slice(0, 200),
        name: null,
        type: 'deny',
        reason: { code, message: `${message}${often}`.slice(0, 500) },
      }),
    );
  }

  /** A page of what people did and what was denied, newest first. It may be short and not be the last. */
  async list(wish: AuditWish): Promise<{ items: AuditView[]; nextCursor: string | null }> {
    await this.#state.durableUnlessStalled(this.#state.rev);
    const items: AuditView[] = [];
    let before = wish.cursor === undefined ? undefined : Number(wish.cursor);
    for (let scanned = 0; scanned < MOST_SCANNED; scanned += SCAN_ROWS) {
      const page = await this.#ports.store.page({
        collection: 'events',
        limit: SCAN_ROWS,
        ...(wish.noun !== undefined && wish.id !== undefined && { owner: `${wish.noun}/${wish.id}` }),
        ...(wish.result === 'denied' && { statuses: ['deny'] }),
        ...(before !== undefined && { beforeSeq: before }),
      });
      for (const stored of page) {
        const row = decodeRow<EventRow>('events', stored);
        before = row.seq;
        if (!isMeant(row, wish)) continue;
        items.push(viewAudit(row));
        if (items.length === wish.limit) return { items, nextCursor: String(before) };
      }
      if (page.length < SCAN_ROWS) return { items, nextCursor: null };
    }
    return { items, nextCursor: String(before) };
  }
}

const resultOf = (row: EventRow): AuditView['result'] => (row.type === 'deny' ? 'denied' : 'done');

function isMeant(row: EventRow, wish: AuditWish): boolean {
  return (
    (row.actorKind === 'person' || row.type === 'deny') &&
    (wish.actor === undefined || row.actor === wish.actor) &&
    (wish.noun === undefined || row.noun === wish.noun) &&
    (wish.id === undefined || row.subject === wish.id) &&
    (wish.project === undefined || row.project === wish.project) &&
    (wish.result === undefined || resultOf(row) === wish.result)
  );
}

const viewAudit = (row: EventRow): AuditView => ({
  ...viewEvent(row),
  actorKind: row.actorKind,
  source: row.source,
  result: resultOf(row),
});
