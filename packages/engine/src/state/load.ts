/** What a head takes into memory when it starts. */
import type { InstanceStatus } from '@drover/core';
import { EVENTS_REMEMBERED } from '../events/service.ts';
import type { Ports } from '../ports.ts';
import { decodeRow } from './codec.ts';
import type { EventRow } from './rows.ts';

const NOT_FINAL: readonly InstanceStatus[] = ['PENDING', 'ASSIGNED', 'RUNNING', 'UNKNOWN'];

/** The live ones, the newest that have ended, and those that still hold something. */
export async function loadInstances(ports: Ports) {
  const live = await ports.store.load('instances', NOT_FINAL);
  const final = ['COMPLETED', 'FAILED', 'CANCELLED'];
  const recent = await ports.store.page({ collection: 'instances', statuses: final, limit: 20_000 });
  const rows = new Map([...recent, ...live].map((row) => [row.id, row]));
  for (const reservation of await ports.store.load('reservations')) {
    const id = /^instances\/(.*)/.exec(reservation.owner ?? '')?.[1];
    if (id === undefined || rows.has(id)) continue;
    const row = await ports.store.get('instances', id);
    if (row) rows.set(id, row);
  }
  return [...rows.values()].sort((a, b) => a.seq - b.seq);
}

/** The newest events, oldest first. */
export async function loadEvents(ports: Ports): Promise<EventRow[]> {
  const stored = await ports.store.page({ collection: 'events', limit: EVENTS_REMEMBERED });
  return stored.map((row) => decodeRow<EventRow>('events', row)).reverse();
}
