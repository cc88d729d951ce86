/** Controller: the log of what has ended is in the archive, so that its worker may forget it. */
import { isFinal } from '@drover/core';
import { SYSTEM } from '../actor.ts';
import { logKey } from '../instances/retention.ts';
import type { Ports } from '../ports.ts';
import type { Controller } from '../reconcile/reconciler.ts';
import type { InstanceRow } from '../state/rows.ts';
import type { State } from '../state/state.ts';
import type { Link, Links } from '../workers/links.ts';
import type { Streams } from './streams.ts';

const AT_ONCE = 4;
const RETRY_MS = 2_000;

export function archiveController(state: State, ports: Ports, links: Links, streams: Streams): Controller {
  const underWay = new Set<string>();
  const due = (row: InstanceRow | undefined): row is InstanceRow =>
    row !== undefined && isFinal(row.status) && row.released && row.log !== null && !row.log.archived;
  const waiting = new Set<string>();

  const fetchLog = async (row: InstanceRow, link: Link): Promise<void> => {
    const { ticket, arrival } = streams.expect(link.workerId, row.id);
    links.send(link, {
      type: 'sendLog',
      instance: row.id,
      attempt: row.attempt,
      ticket,
      offset: 0,
      limit: null,
      follow: false,
    });
    const { bytes, available, size } = await arrival;
    const written = await ports.blobs.put(logKey(row.id, row.attempt), bytes);
    if (written !== size - available) throw new Error(`${written} of ${size - available} bytes arrived`);
    state.transact(SYSTEM, (tx) => {
      const now = tx.get('instances', row.id);
      if (now?.attempt === row.attempt)
        tx.put('instances', { ...now, log: { available, size, archived: true } });
    });
  };

  const controller: Controller = {
    name: 'archive',
    watches: (change) =>
      change.collection === 'instances' && due(change.after as InstanceRow | undefined) ? [change.id] : [],
    *all() {
      for (const row of state.tables.instances.all()) if (due(row)) yield row.id;
    },
    reconcile(id) {
      const row = state.tables.instances.get(id);
      const link = row?.workerId ? links.get(row.workerId) : undefined;
      if (!due(row) || underWay.has(id)) return undefined;
      // A link that settles pokes what is still on its worker.
      if (!link?.settled) return undefined;
      if (underWay.size >= AT_ONCE) {
        waiting.add(id);
        return undefined;
      }
      underWay.add(id);
      fetchLog(row, link)
        .catch((err: unknown) => {
          ports.log.warn({ instance: id, err }, 'could not archive a log; trying again');
          ports.clock.after(RETRY_MS, () => again(id));
        })
        .finally(() => {
          underWay.delete(id);
          const next = waiting.values().next();
          if (!next.done) again(next.value);
        })
        .catch((err: unknown) => ports.log.error({ instance: id, err }, 'archiving failed'));
      return undefined;
    },
  };
  const again = (id: string): void => {
    waiting.delete(id);
    controller.reconcile(id);
  };
  return controller;
}
