/** Controller, keyed by infra: a shared infra that is wanted has one machine for each of its hosts. */
import { DEFAULT_PROJECT, SYSTEM } from '../actor.ts';
import type { ClusterRow } from '../clusters/row.ts';
import type { MachineRow } from '../machines/row.ts';
import type { MachineService } from '../machines/service.ts';
import type { Ports } from '../ports.ts';
import type { Controller } from '../reconcile/reconciler.ts';
import type { State } from '../state/state.ts';
import type { InfraService } from './infra-service.ts';

/** A host that has failed is tried again after so long. */
const AGAIN_MS = 60_000;

export function infraController(
  state: State,
  ports: Ports,
  infras: InfraService,
  machines: MachineService,
): Controller {
  return {
    name: 'infra',
    watches: ({ collection, id, before, after }) => {
      if (collection === 'meta') return id.startsWith('infra/') ? [id.slice('infra/'.length)] : [];
      if (collection === 'clusters') {
        const cluster = after as ClusterRow | undefined;
        return cluster?.desired === 'UP' && cluster.candidate ? [cluster.candidate.machine.infra] : [];
      }
      if (collection !== 'machines') return [];
      const row = (after ?? before) as MachineRow | undefined;
      return row?.owner.startsWith('infra/') ? [row.infra] : [];
    },
    *all() {
      for (const { infra } of ports.providers?.all() ?? []) yield infra;
      for (const row of state.tables.meta.all())
        if (row.id.startsWith('infra/')) yield row.id.slice('infra/'.length);
    },
    reconcile(infra) {
      if (isNeeded(state, infra) && !infras.isEnsured(infra))
        state.transact(SYSTEM, (tx) => infras.ensure(tx, infra));
      if (!infras.isUp(infra)) return undefined;
      const rows = infras.machinesOf(infra);
      const now = ports.clock.wallMs();
      const again = rows.filter((row) => row.status === 'FAILED' && !row.mayExist && row.desired !== 'GONE');
      const due = again.filter((row) => now - row.sinceMs >= AGAIN_MS);
      const taken = new Set(rows.map((row) => row.type));
      const missing = (infras.catalogue(infra) ?? []).filter((host) => !taken.has(host.type));
      if (due.length > 0 || missing.length > 0)
        state.transact(SYSTEM, (tx) => {
          for (const row of due) machines.setDesired(tx, row.id, 'GONE');
          for (const type of missing)
            machines.want(tx, {
              project: DEFAULT_PROJECT,
              name: type.type,
              owner: `infra/${infra}`,
              type,
              requestedBy: 'infra',
            });
        });
      const next = Math.min(...again.map((row) => row.sinceMs + AGAIN_MS - now));
      return Number.isFinite(next) && next > 0 ? next : undefined;
    },
  };
}

/** A cluster that is to be UP has its nodes there, such as one that starts again. */
function isNeeded(state: State, infra: string): boolean {
  for (const row of state.tables.clusters.all())
    if (row.desired === 'UP' && row.status !== 'TERMINATED' && row.candidate?.machine.infra === infra)
      return true;
  return false;
}
