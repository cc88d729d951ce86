import type { RequestView } from '@drover/client';
import type { Call, ClientFlags } from '../call.ts';
import { connect } from '../connect.ts';
import { paintStatus, shortId } from '../instance/shown.ts';
import { printJson, printTable } from '../output.ts';
import { formatAge } from '../text/age.ts';
import type { Column } from '../text/table.ts';

/** More than a screen shows; the rest is said. */
const MOST = 200;

/** `drover request list`. */
export async function list(call: Call): Promise<number> {
  const flags = call.command.opts<ClientFlags & { readonly all?: boolean }>();
  const client = await connect(call);
  const { items, nextCursor } = await client.requests.page({ all: flags.all ?? false }, { limit: MOST });
  if (flags.json) {
    printJson(call, items);
    return 0;
  }
  const nowMs = Date.now();
  const columns: Column<RequestView>[] = [
    { title: 'ID', value: (view) => shortId(view.id) },
    { title: 'USER', value: (view) => view.user.name, drop: 2 },
    { title: 'NAME', value: (view) => view.name },
    { title: 'CLUSTER', value: (view) => view.cluster ?? '-', min: 8, drop: 4 },
    { title: 'CREATED', value: (view) => formatAge(view.createdAt, nowMs), drop: 3 },
    {
      title: 'STATUS',
      value: (view) => view.status,
      paint: (text) => paintStatus(call.terminal.paint, text),
    },
    { title: 'REASON', value: (view) => view.error?.message ?? view.reason?.message ?? '', min: 12, drop: 5 },
  ];
  printTable(
    call,
    columns,
    items,
    flags.all ? 'no requests' : 'no request is under way; --all shows those that have ended',
  );
  if (nextCursor !== null) call.terminal.say(`the newest ${MOST}; --json and the API page through the rest`);
  return 0;
}
