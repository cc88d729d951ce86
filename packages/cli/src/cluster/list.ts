import type { ClusterView } from '@drover/client';
import type { Call, ClientFlags } from '../call.ts';
import { connect } from '../connect.ts';
import { UsageError } from '../errors.ts';
import { printJson, printTable } from '../output.ts';
import { formatAge } from '../text/age.ts';
import type { Column } from '../text/table.ts';
import { chooseClusters } from './choose.ts';
import { autostopText, paintClusterStatus } from './shown.ts';

interface Flags extends ClientFlags {
  readonly refresh?: boolean;
  readonly allUsers?: boolean;
  readonly ip?: boolean;
}

/** `drover status`, `drover cluster list`. */
export async function list(call: Call): Promise<number> {
  const flags = call.command.opts<Flags>();
  const client = await connect(call);
  if (flags.refresh) await client.clusters.list({ refresh: 'force' });
  const views =
    call.args.length > 0
      ? await chooseClusters(client, call.args, false)
      : await client.clusters.list({ allUsers: flags.allUsers ?? true });
  if (flags.ip) {
    const [only, second] = views;
    if (!only || second) throw new UsageError('--ip is of one cluster', 'name it');
    for (const { address } of only.nodes) call.terminal.out(address ?? '');
    return 0;
  }
  if (flags.json) {
    printJson(call, views);
    return 0;
  }
  const nowMs = Date.now();
  const columns: Column<ClusterView>[] = [
    { title: 'NAME', value: (view) => view.name, min: 8 },
    { title: 'INFRA', value: (view) => whereOf(view), min: 6, drop: 3 },
    { title: 'RESOURCES', value: (view) => resourcesOf(view), min: 10, drop: 2 },
    {
      title: 'STATUS',
      value: (view) => view.status,
      paint: (text) => paintClusterStatus(call.terminal.paint, text),
    },
    { title: 'AUTOSTOP', value: autostopText, drop: 4 },
    { title: 'LAUNCHED', value: (view) => formatAge(view.launchedAt, nowMs), drop: 5 },
    ...(flags.allUsers ? [{ title: 'USER', value: (view: ClusterView) => view.user.name, drop: 6 }] : []),
    { title: 'REASON', value: (view) => view.reason?.message ?? '', min: 12, drop: 7 },
  ];
  printTable(call, columns, views, 'no clusters; "drover launch" makes one');
  return 0;
}

const whereOf = (view: ClusterView): string =>
  [view.infra, view.region, view.zone].filter(Boolean).join('/') || '-';

const resourcesOf = (view: ClusterView): string =>
  view.perNode === null
    ? `${view.numNodes}x -`
    : `${view.numNodes}x ${/\((.*)\)/.exec(view.resources)?.[1] ?? ''}${view.spot ? ' [spot]' : ''}`;
