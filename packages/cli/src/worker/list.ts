import type { WorkerStatus, WorkerView } from '@drover/client';
import type { Call, ClientFlags } from '../call.ts';
import { connect } from '../connect.ts';
import { UsageError } from '../errors.ts';
import { paintStatus, shortId } from '../instance/shown.ts';
import { printJson, printTable } from '../output.ts';
import { formatAge } from '../text/age.ts';
import type { Column } from '../text/table.ts';
import { freeMemory, freeOf } from './shown.ts';

/** `drover worker list`. */
export async function list(call: Call): Promise<number> {
  const flags = call.command.opts<ClientFlags & { readonly status?: WorkerStatus }>();
  if (call.args.length > 0) throw new UsageError(`unexpected word "${call.args[0]}"`);
  const client = await connect(call);
  const views = await client.workers.list({ status: flags.status });
  if (flags.json) {
    printJson(call, views);
    return 0;
  }
  const key = (view: WorkerView) => `${view.name ?? view.hostname}\n${view.createdAt}`;
  const sorted = views.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
  const nowMs = Date.now();
  const columns: Column<WorkerView>[] = [
    { title: 'ID', value: (view) => shortId(view.id) },
    { title: 'NAME', value: (view) => view.name ?? '', min: 8, drop: 4 },
    {
      title: 'STATUS',
      value: (view) => view.status,
      paint: (text) => paintStatus(call.terminal.paint, text),
    },
    { title: 'SINCE', value: (view) => formatAge(view.since, nowMs), drop: 3 },
    { title: 'PLACE', value: (view) => view.place, min: 8, drop: 5 },
    { title: 'HOST', value: (view) => view.host, min: 8, drop: 6 },
    { title: 'CPU', value: (view) => freeOf(view, 'cpu'), drop: 2 },
    { title: 'MEMORY', value: freeMemory, drop: 2 },
    { title: 'GPUS', value: (view) => freeOf(view, 'gpus'), drop: 2 },
    { title: 'INSTANCES', value: (view) => String(view.instances), drop: 5 },
    { title: 'REASON', value: (view) => view.reason?.message ?? '', min: 12, drop: 7 },
  ];
  printTable(
    call,
    columns,
    sorted,
    'no workers; "drover join-token create" makes a token with which one joins',
  );
  return 0;
}
