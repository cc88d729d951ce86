import { isoStamp } from '@drover/core';
import type { EventView } from '@drover/core/wire';
import type { EventRow } from '../state/rows.ts';

export const viewEvent = (row: EventRow): EventView => ({
  seq: row.seq,
  at: isoStamp(row.atMs),
  noun: row.noun,
  id: row.subject,
  name: row.name,
  project: row.project,
  type: row.type,
  from: row.from,
  to: row.to,
  reason: row.reason,
  actor: row.actor,
  cause: row.cause,
  rev: row.rev,
});
