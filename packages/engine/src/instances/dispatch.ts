/** Controller: each instance's worker has been told what is wanted of it, once per link. */
import { isFinal } from '@drover/core';
import type { StartOrder } from '@drover/core/wire';
import type { Controller } from '../reconcile/reconciler.ts';
import type { InstanceRow } from '../state/rows.ts';
import type { State } from '../state/state.ts';
import type { Links } from '../workers/links.ts';

export function dispatchController(state: State, links: Links): Controller {
  return {
    name: 'dispatch',
    watches(change) {
      if (change.collection !== 'instances') return [];
      if (!change.after) letGo(links, change.before as InstanceRow);
      return [change.id];
    },
    *all() {
      for (const row of state.tables.instances.all()) yield row.id;
    },
    reconcile(id) {
      const row = state.tables.instances.get(id);
      const link = row?.workerId ? links.get(row.workerId) : undefined;
      if (!row || !link?.settled || row.attempt === 0) return undefined;
      const ref = { instance: row.id, attempt: row.attempt };
      const tag = `${row.id}/${row.attempt}`;
      if (isFinal(row.status)) {
        if (row.released && row.log?.archived) links.tell(link, `forget/${tag}`, { type: 'forget', ...ref });
      } else if (row.cancel) {
        links.tell(link, `stop/${tag}/${row.cancel.graceMs}`, {
          type: 'stop',
          ...ref,
          graceMs: row.cancel.graceMs,
        });
      } else if (row.status === 'ASSIGNED') {
        links.tell(link, `start/${tag}`, { type: 'start', order: orderOf(row) });
      }
      return undefined;
    },
  };
}

/** The record of a deleted instance is of no more use to its worker. */
function letGo(links: Links, row: InstanceRow): void {
  const link = row.workerId === null ? undefined : links.get(row.workerId);
  if (!link || row.attempt === 0) return;
  links.tell(link, `forget/${row.id}/${row.attempt}`, {
    type: 'forget',
    instance: row.id,
    attempt: row.attempt,
  });
}

function orderOf(row: InstanceRow): StartOrder {
  const { spec } = row;
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
  };
}
