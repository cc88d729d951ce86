import type { UserView } from '@drover/client';
import type { Call } from '../call.ts';
import { connect } from '../connect.ts';
import { printJson, printTable, wantsJson } from '../output.ts';
import { formatAge } from '../text/age.ts';

/** `drover user list`. */
export async function list(call: Call): Promise<number> {
  const client = await connect(call);
  const views = await client.users.list();
  if (wantsJson(call)) {
    printJson(call, views);
    return 0;
  }
  const nowMs = Date.now();
  printTable<UserView>(
    call,
    [
      { title: 'NAME', value: (view) => view.name, min: 8 },
      { title: 'ROLE', value: (view) => view.role },
      { title: 'KIND', value: (view) => view.kind, drop: 3 },
      { title: 'STATUS', value: (view) => view.status },
      { title: 'TOKENS', value: (view) => String(view.tokens), drop: 2 },
      { title: 'AGE', value: (view) => formatAge(view.createdAt, nowMs), drop: 1 },
      { title: 'MADE BY', value: (view) => view.createdBy, drop: 4 },
    ],
    views,
    'no users; "drover user create NAME" makes one',
  );
  return 0;
}
