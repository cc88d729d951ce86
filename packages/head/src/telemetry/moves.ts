/** Counts of what has changed its status, from the feed: only what is durable counts. */
import { INSTANCE_STATUSES, isFinal } from '@drover/core';
import type { Engine, InstanceRow, WorkerRow } from '@drover/engine';
import { counted, type Metric } from './metric.ts';

/** The ways to a status that are counted apart, with the reasons of docs/reasons.md; any other reason is `other`. */
const MOVES: readonly (readonly [to: string, reason: string])[] = [
  ['ONLINE', ''],
  ['SUSPECT', 'LINK_LOST'],
  ['SUSPECT', 'LINK_FLAPPING'],
  ['SUSPECT', 'HEARTBEAT_MISSED'],
  ['SUSPECT', 'other'],
  ['OFFLINE', 'OFFLINE'],
  ['OFFLINE', 'other'],
];
const ENDS = INSTANCE_STATUSES.filter(isFinal);

/** Begins to count. */
export function countMoves(engine: Pick<Engine, 'state'>): Metric[] {
  const ended = new Map<string, number>();
  const moves = new Map<string, number>();
  engine.state.subscribe(({ changes }) => {
    for (const { collection, before, after } of changes) {
      if (!after || before?.status === after.status) continue;
      if (collection === 'instances') {
        const { status } = after as InstanceRow;
        if (isFinal(status)) ended.set(status, (ended.get(status) ?? 0) + 1);
      } else if (collection === 'workers' && before) {
        const { status, reason } = after as WorkerRow;
        const known = MOVES.some(([to, why]) => to === status && why === reason?.code);
        const key = `${status} ${status === 'ONLINE' ? '' : known ? reason?.code : 'other'}`;
        moves.set(key, (moves.get(key) ?? 0) + 1);
      }
    }
  });
  return [
    counted(
      'counter',
      'drover_instances_ended_total',
      'Instances that have ended, by how.',
      'status',
      ENDS,
      () => ended,
    ),
    {
      type: 'counter',
      name: 'drover_worker_moves_total',
      help: 'Workers that came to a status, and why; the reason is empty for what needs none.',
      labels: ['to', 'reason'],
      read: () =>
        MOVES.map(([to, reason]) => ({ labels: { to, reason }, value: moves.get(`${to} ${reason}`) ?? 0 })),
    },
  ];
}
