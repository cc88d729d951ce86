import type { MachineView } from '@drover/client';
import type { Call, ClientFlags } from '../call.ts';
import { connect } from '../connect.ts';
import { paintStatus, shortId } from '../instance/shown.ts';
import { printJson, printTable } from '../output.ts';
import { formatAge } from '../text/age.ts';

/** `drover machine list`. */
export async function machines(call: Call): Promise<number> {
  const flags = call.command.opts<ClientFlags & { readonly all?: boolean }>();
  const client = await connect(call);
  const views = await client.infra.machines({ all: flags.all });
  if (flags.json) {
    printJson(call, views);
    return 0;
  }
  const nowMs = Date.now();
  printTable<MachineView>(
    call,
    [
      { title: 'ID', value: (view) => shortId(view.id) },
      { title: 'NAME', value: (view) => view.name ?? '', min: 8, drop: 4 },
      {
        title: 'STATUS',
        value: (view) => view.status,
        paint: (text) => paintStatus(call.terminal.paint, text),
      },
      { title: 'SINCE', value: (view) => formatAge(view.since, nowMs), drop: 3 },
      { title: 'INFRA', value: (view) => view.infra, min: 8 },
      { title: 'TYPE', value: (view) => view.type, min: 6, drop: 2 },
      { title: 'PLACE', value: (view) => [view.region, view.zone].filter(Boolean).join('/'), drop: 5 },
      { title: 'COST', value: (view) => (view.cost === 0 ? '' : `$${view.cost.toFixed(2)}`), drop: 3 },
      { title: 'ADDRESS', value: (view) => view.address ?? '', drop: 6 },
      {
        title: 'REASON',
        value: (view) => view.failure?.message ?? view.reason?.message ?? '',
        min: 12,
        drop: 7,
      },
    ],
    views,
    'no machines',
  );
  return 0;
}
