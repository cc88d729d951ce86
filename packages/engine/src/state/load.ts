/** What a head takes into memory when it starts. */
import { type InstanceStatus, isJobFinal, JOB_STATUSES } from '@drover/core';
import { EVENTS_REMEMBERED } from '../events/service.ts';
import type { JobRow } from '../jobs/row.ts';
import type { Ports } from '../ports.ts';
import { decodeRow } from './codec.ts';
import type { EventRow } from './rows.ts';

const LIVE_JOBS = JOB_STATUSES.filter((status) => !isJobFinal(status));
const NOT_FINAL: readonly InstanceStatus[] = ['PENDING', 'ASSIGNED', 'RUNNING', 'UNKNOWN'];

/** The live ones, the newest that have ended, those that still hold something, and all that a live job is judged by. */
export async function loadInstances(ports: Ports) {
  const live = await ports.store.load('instances', NOT_FINAL);
  const final = ['COMPLETED', 'FAILED', 'CANCELLED'];
  const recent = await ports.store.page({ collection: 'instances', statuses: final, limit: 20_000 });
  const rows = new Map([...recent, ...live].map((row) => [row.id, row]));
  const wanted = new Set<string>();
  for (const reservation of await ports.store.load('reservations')) {
    const id = /^instances\/(.*)/.exec(reservation.owner ?? '')?.[1];
    if (id !== undefined) wanted.add(id);
  }
  for (const stored of await ports.store.load('jobs', LIVE_JOBS)) {
    const job = decodeRow<JobRow>('jobs', stored);
    for (const id of [...job.setupInstances, ...job.runInstances]) wanted.add(id);
  }
  for (const id of wanted) {
    if (rows.has(id)) continue;
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
