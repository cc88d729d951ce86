import type { CostView } from '@drover/client';
import type { Call, ClientFlags } from '../call.ts';
import { connect } from '../connect.ts';
import { printJson, printTable } from '../output.ts';
import { formatAge } from '../text/age.ts';
import type { Column } from '../text/table.ts';
import { formatDuration } from '../values/duration.ts';
import { dollars, paintClusterStatus } from './shown.ts';

/** `drover cost-report`. */
export async function costReport(call: Call): Promise<number> {
  const flags = call.command.opts<ClientFlags & { readonly days?: number }>();
  const client = await connect(call);
  const report = await client.clusters.costReport(flags.days ?? 30);
  if (flags.json) {
    printJson(call, report);
    return 0;
  }
  const nowMs = Date.now();
  const columns: Column<CostView>[] = [
    { title: 'NAME', value: (view) => view.name, min: 8 },
    { title: 'LAUNCHED', value: (view) => formatAge(view.launchedAt, nowMs), drop: 3 },
    { title: 'DURATION', value: (view) => formatDuration(view.durationS * 1000), drop: 2 },
    { title: 'RESOURCES', value: (view) => view.resources, min: 12, drop: 1 },
    {
      title: 'STATUS',
      value: (view) => view.status,
      paint: (text) => paintClusterStatus(call.terminal.paint, text),
    },
    { title: 'COST/HR', value: (view) => dollars(view.pricePerHour) },
    { title: 'COST (EST.)', value: (view) => dollars(view.cost) },
  ];
  printTable(call, columns, report.items, 'no cluster has held nodes in that time');
  if (report.items.length > 0) call.terminal.out(`total ${dollars(report.total)}`);
  return 0;
}
