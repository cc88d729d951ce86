/**
 * How long events stay in the store: the newest of each ring, and what a ring lets go is named by the id that it gave. What
 * people did to the herd itself, and what was refused, have rings of their own: whoever may submit, or floods the head with
 * wrong calls, does not push them out.
 */
import type { EventRow } from '../state/rows.ts';

/** So many of the newest events of each ring stay. */
const KEPT = { all: 200_000, herd: 100_000, denied: 50_000 } as const;
type Ring = keyof typeof KEPT;

/** What admins do, and who may do what. */
const HERD: ReadonlySet<string> = new Set(['users', 'projects', 'tokens', 'joinTokens', 'workers', 'infra']);

const ringOf = ({ noun, type, byAdmin }: Pick<EventRow, 'noun' | 'type' | 'byAdmin'>): Ring => {
  if (type === 'deny') return 'denied';
  return byAdmin && HERD.has(noun) ? 'herd' : 'all';
};

export class EventRings {
  /** Of the two small rings; the large one counts by the event's own number. */
  #counts: { herd: number; denied: number } = { herd: 0, denied: 0 };

  /** As the store has it; what is no such text counts from nothing. */
  load(text: string | undefined): void {
    const [herd = 0, denied = 0] = (text ?? '').split(' ').map(Number);
    this.#counts = { herd: herd || 0, denied: denied || 0 };
  }

  /** For the store: durable with the events that it counts. */
  get text(): string {
    return `${this.#counts.herd} ${this.#counts.denied}`;
  }

  /** The id under which the event is stored, and the one that goes for it; null: none yet. */
  add(event: EventRow): { readonly id: string; readonly drop: string | null; readonly isCounted: boolean } {
    const ring = ringOf(event);
    if (ring === 'all')
      return { id: String(event.seq), drop: idBefore('', event.seq, KEPT.all), isCounted: false };
    this.#counts[ring] += 1;
    const at = this.#counts[ring];
    return { id: `${ring}${at}`, drop: idBefore(ring, at, KEPT[ring]), isCounted: true };
  }
}

const idBefore = (prefix: string, at: number, kept: number): string | null =>
  at > kept ? `${prefix}${at - kept}` : null;
