/** Controller: each instance's worker has been told what is wanted of it, once per link. */
import { isFinal } from '@drover/core';
import type { StartOrder } from '@drover/core/wire';
import type { Controller } from '../reconcile/reconciler.ts';
import type { InstanceRow, ReservationRow } from '../state/rows.ts';
import type { State } from '../state/state.ts';
import type { Links } from '../workers/links.ts';
import { remnantIdOf, remnantKey } from './remnants.ts';

/** What an instance has left behind on a worker that is here is stopped. */
function stopLeft(state: State, links: Links, id: string): void {
  const row = state.tables.reservations.get(id);
  const link = row?.workerId ? links.get(row.workerId) : undefined;
  if (!row?.leftBy || row.leftBy.ended || !link?.settled) return;
  const { instance, attempt } = row.leftBy;
  const graceMs = state.tables.instances.get(instance)?.spec.graceMs ?? 0;
  links.tell(link, { type: 'stop', instance, attempt, graceMs });
}

export function dispatchController(state: State, links: Links): Controller {
  return {
    name: 'dispatch',
    watches: ({ collection, id, after }) => {
      if (!after) return [];
      if (collection === 'reservations') return (after as ReservationRow).leftBy ? [remnantKey(id)] : [];
      return collection === 'instances' ? [id] : [];
    },
    *all() {
      for (const row of state.tables.instances.all()) yield row.id;
    },
    reconcile(id) {
      const remnant = remnantIdOf(id);
      if (remnant !== null) {
        stopLeft(state, links, remnant);
        return undefined;
      }
      const row = state.tables.instances.get(id);
      const link = row?.workerId ? links.get(row.workerId) : undefined;
      if (!row || !link?.settled || row.attempt === 0) return undefined;
      const ref = { instance: row.id, attempt: row.attempt };
      if (isFinal(row.status)) {
        if (row.released && row.log?.archived) links.forget(link, row.id, row.attempt);
      } else if (row.cancel) {
        links.tell(link, {
          type: 'stop',
          ...ref,
          graceMs: row.cancel.graceMs,
        });
      } else if (row.status === 'ASSIGNED') {
        links.tell(link, { type: 'start', order: orderOf(row) }, row.origin);
      }
      return undefined;
    },
  };
}

function orderOf(row: InstanceRow): StartOrder {
  const { spec, origin } = row;
  return {
    instance: row.id,
    attempt: row.attempt,
    name: row.name,
    command: typeof spec.command === 'string' ? spec.command : [...spec.command],
    env: { ...spec.env },
    venv: spec.venv,
    workdir: spec.workdir,
    gpuIndices: [...(row.gpuIndices ?? [])],
    cpu: spec.resources.cpu,
    memoryMiB: spec.accounting === 'lenient' ? 0 : spec.resources.memoryMiB,
    graceMs: spec.graceMs,
    logCapBytes: spec.logCapMiB * 1024 * 1024,
    stopAfterMs: spec.onWorkerLost === 'stop' ? spec.lostAfterMs : null,
    ...(spec.node && {
      home: spec.node.home,
      files: spec.node.files.map((file) => ({ ...file })),
      context: { ...spec.node.context },
      removeHome: spec.node.removeHome,
    }),
    ...(origin?.requestId !== undefined && { requestId: origin.requestId }),
    ...(origin?.traceparent !== undefined && { traceparent: origin.traceparent }),
  };
}
