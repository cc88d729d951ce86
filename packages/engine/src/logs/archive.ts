/** Controller: the log of what has ended is in the archive, so that its worker may forget it. */
import { isFinal } from '@drover/core';
import { SYSTEM } from '../actor.ts';
import { remnantIdOf, remnantKey } from '../instances/remnants.ts';
import type { Clock, Ports } from '../ports.ts';
import type { Controller } from '../reconcile/reconciler.ts';
import type { InstanceRow, ReservationRow } from '../state/rows.ts';
import type { State } from '../state/state.ts';
import type { Link, Links } from '../workers/links.ts';
import { logKey } from './key.ts';
import type { Arrival, Streams } from './streams.ts';

const AT_ONCE = 4;
const RETRY_MS = 2_000;
/** An upload that brings nothing for so long has lost its worker. */
const IDLE_MS = 30_000;

type Left = { readonly instance: string; readonly attempt: number };

export function archiveController(state: State, ports: Ports, links: Links, streams: Streams): Controller {
  const underWay = new Set<string>();
  const waiting = new Set<string>();
  /** Its log is only with its worker. */
  const due = (row: InstanceRow | undefined): row is InstanceRow =>
    row !== undefined && isFinal(row.status) && row.released && row.log !== null && !row.log.archived;

  /** Moves one log into the archive. @returns its extent */
  const store = async (ref: Left, link: Link): Promise<Pick<Arrival, 'available' | 'size'>> => {
    const { instance, attempt } = ref;
    const { ticket, arrival } = streams.expect(link.workerId, instance);
    links.send(link, { type: 'sendLog', instance, attempt, ticket, offset: 0, limit: null, follow: false });
    const stream = await arrival;
    const { available, size } = stream;
    const written = await ports.blobs.put(logKey(instance, attempt), watched(ports.clock, stream));
    ports.meter?.archived(written);
    if (written !== size - available) throw new Error(`${written} of ${size - available} bytes arrived`);
    return { available, size };
  };

  const fetchLog = async (row: InstanceRow, link: Link): Promise<void> => {
    const { available, size } = await store({ instance: row.id, attempt: row.attempt }, link);
    const kept = state.transact(SYSTEM, (tx) => {
      const now = tx.get('instances', row.id);
      if (now?.attempt !== row.attempt) return false;
      tx.put('instances', { ...now, log: { available, size, archived: true } });
      return true;
    });
    // Deleted meanwhile: its log must not stay behind.
    if (!kept && !state.tables.instances.get(row.id)) await ports.blobs.delete(logKey(row.id, row.attempt));
  };

  /** The log of an attempt that its instance has left behind: archived as its own, and then nothing of it is held. */
  const fetchLeft = async (row: ReservationRow, left: Left, link: Link): Promise<void> => {
    const isKept = async (): Promise<boolean> =>
      (state.tables.instances.get(left.instance) ?? (await ports.store.get('instances', left.instance))) !=
      null;
    if (await isKept()) {
      await store(left, link);
      // Deleted meanwhile: its log must not stay behind.
      if (!(await isKept())) await ports.blobs.delete(logKey(left.instance, left.attempt));
    }
    state.transact(SYSTEM, (tx) => tx.delete('reservations', row.id));
    links.forget(link, left.instance, left.attempt);
  };

  /** What is to be done for this key now, or null. */
  const task = (id: string): { readonly workerId: string | null; run(link: Link): Promise<void> } | null => {
    const remnant = remnantIdOf(id);
    if (remnant === null) {
      const row = state.tables.instances.get(id);
      return due(row) ? { workerId: row.workerId, run: (link) => fetchLog(row, link) } : null;
    }
    const row = state.tables.reservations.get(remnant);
    const left = row?.leftBy;
    return left?.ended
      ? { workerId: row?.workerId ?? null, run: (link) => fetchLeft(row as ReservationRow, left, link) }
      : null;
  };

  /** @returns whether a fetch began */
  const begin = (id: string): boolean => {
    const now = task(id);
    const link = now?.workerId ? links.get(now.workerId) : undefined;
    // A link that settles pokes what is still on its worker.
    if (!now || underWay.has(id) || !link?.settled) return false;
    if (underWay.size >= AT_ONCE) {
      waiting.add(id);
      return false;
    }
    underWay.add(id);
    now
      .run(link)
      .catch((err: unknown) => {
        ports.log.warn({ instance: id, err }, 'could not archive a log; trying again');
        ports.clock.after(RETRY_MS, () => begin(id));
      })
      .finally(() => {
        underWay.delete(id);
        for (const next of waiting) {
          waiting.delete(next);
          if (begin(next)) return;
        }
      })
      .catch((err: unknown) => ports.log.error({ instance: id, err }, 'archiving failed'));
    return true;
  };

  return {
    name: 'archive',
    watches: ({ collection, id }) => {
      const key = collection === 'reservations' ? remnantKey(id) : id;
      return (collection === 'instances' || collection === 'reservations') && task(key) !== null ? [key] : [];
    },
    *all() {
      for (const row of state.tables.instances.all()) if (due(row)) yield row.id;
      for (const row of state.tables.reservations.all()) if (row.leftBy?.ended) yield remnantKey(row.id);
    },
    reconcile(id) {
      begin(id);
      return undefined;
    },
  };
}

/** The bytes of an upload, which is cut when nothing comes for too long. */
async function* watched(clock: Clock, stream: Arrival): AsyncGenerator<Uint8Array> {
  let timer = clock.after(IDLE_MS, stream.cancel);
  try {
    for await (const chunk of stream.bytes) {
      timer.cancel();
      yield chunk;
      timer = clock.after(IDLE_MS, stream.cancel);
    }
  } finally {
    timer.cancel();
  }
}
