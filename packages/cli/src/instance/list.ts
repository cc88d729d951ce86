import type { InstanceFilter, InstanceStatus, InstanceView } from '@drover/client';
import type { Call, ClientFlags } from '../call.ts';
import { connect } from '../connect.ts';
import { UsageError } from '../errors.ts';
import { printJson, printTable } from '../output.ts';
import { formatAge } from '../text/age.ts';
import { formatCommand } from '../text/shell.ts';
import type { Column } from '../text/table.ts';
import { exitText, paintStatus, shortId } from './shown.ts';

interface Flags extends ClientFlags {
  readonly all?: boolean;
  readonly status?: readonly InstanceStatus[];
  readonly label?: Readonly<Record<string, string>>;
  readonly name?: string;
  readonly limit?: number;
}

const LIVE: readonly InstanceStatus[] = ['PENDING', 'ASSIGNED', 'RUNNING', 'UNKNOWN'];

/** `drover ps`, `drover instance list`. */
export async function list(call: Call): Promise<number> {
  const flags = call.command.opts<Flags>();
  if (call.args.length > 0)
    throw new UsageError(`unexpected word "${call.args[0]}"`, 'one instance: "drover instance show REF"');
  const client = await connect(call);
  const filter: InstanceFilter = {
    status: flags.status ?? (flags.all ? undefined : LIVE),
    labels: flags.label,
    name: flags.name,
  };
  const views: InstanceView[] = [];
  let cursor: string | null = null;
  do {
    const left = (flags.limit ?? Number.POSITIVE_INFINITY) - views.length;
    const page = await client.instances.page(filter, { cursor, limit: Math.min(500, left) });
    views.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== null && views.length < (flags.limit ?? Number.POSITIVE_INFINITY));
  if (flags.json) printJson(call, views);
  else {
    const more = flags.all || flags.status ? '' : '; "drover ps -a" shows those that have ended too';
    printTable(call, columnsAt(Date.now(), call), views, `no instances${more}`);
  }
  return 0;
}

function columnsAt(nowMs: number, { terminal }: Call): Column<InstanceView>[] {
  return [
    { title: 'ID', value: (view) => shortId(view.id) },
    { title: 'NAME', value: (view) => view.name ?? '', min: 8, drop: 3 },
    {
      title: 'STATUS',
      value: (view) => view.displayStatus,
      paint: (text) => paintStatus(terminal.paint, text),
    },
    { title: 'AGE', value: (view) => formatAge(view.createdAt, nowMs), drop: 2 },
    { title: 'WORKER', value: (view) => (view.workerId === null ? '' : shortId(view.workerId)), drop: 6 },
    { title: 'ENDPOINT', value: (view) => view.endpoint ?? '', drop: 7 },
    { title: 'EXIT', value: exitText, drop: 4 },
    { title: 'COMMAND', value: (view) => formatCommand(view.command), min: 14, drop: 5 },
    { title: 'REASON', value: (view) => view.reason?.message ?? '', min: 12, drop: 8 },
  ];
}
