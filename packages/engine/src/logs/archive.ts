/** Controller: the log of what has ended is in the archive, so that its worker may forget it. */
import { isFinal } from '@drover/core';
import { SYSTEM } from '../actor.ts';
import type { Clock, Ports } from '../ports.ts';
import type { Controller } from '../reconcile/reconciler.ts';
import type { InstanceRow } from '../state/rows.ts';
import type { State } from '../state/state.ts';
import type { Link, Links } from '../workers/links.ts';
import { logKey } from './key.ts';
import type { Arrival, Streams } from './streams.ts';

const AT_ONCE = 4;
const RETRY_MS = 2_000;
/** An upload that brings nothing for so long has lost its worker. */
const IDLE_MS = 30_000;

export function archiveController(state: State, ports: Ports, links: Links, streams: Streams): Controller {
  const underWay = new Set<string>();
  const waiting = new Set<string>();
  const due = (row: InstanceRow | undefined): row is InstanceRow =>
    row !== undefined && isFinal(row.status) && row.released && row.log !== null && !row.log.archived;

  const fetchLog = async (row: InstanceRow, link: Link): Promise<void> => {
    const { ticket, arrival } = streams.expect(link.workerId, row.id);
    const ref = { instance: row.id, attempt: row.attempt };
    links.send(link, { type: 'sendLog', ...ref, ticket, offset: 0, limit: null, follow: false });
    const stream = await arrival;
    const { available, size } = stream;
    const written = await ports.blobs.put(logKey(row.id, row.attempt), watched(ports.clock, stream));
    if (written !== size - available) throw new Error(`${written} of ${size - available} bytes arrived`);
    const kept = state.transact(SYSTEM, (tx) => {
      const now = tx.get('instances', row.id);
      if (now?.attempt !== row.attempt) return false;
      tx.put('instances', { ...now, log: { available, size, archived: true } });
      return true;
    });
    // Deleted meanwhile: its log must not stay behind.
    if (!kept && !state.tables.instances.get(row.id)) await ports.blobs.delete(logKey(row.id, row.attempt));
  };

  /** @returns whether a fetch began */
  const begin = (id: string): boolean => {
    const row = state.tables.instances.get(id);
    const link = row?.workerId ? links.get(row.workerId) : undefined;
    // A link that settles pokes what is still on its worker.
    if (!due(row) || underWay.has(id) || !link?.settled) return false;
    if (underWay.size >= AT_ONCE) {
      waiting.add(id);
      return false;
    }
    underWay.add(id);
    fetchLog(row, link)
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
    watches: (change) =>
      change.collection === 'instances' && due(change.after as InstanceRow | undefined) ? [change.id] : [],
    *all() {
      for (const row of state.tables.instances.all()) if (due(row)) yield row.id;
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
