import type { JoinTokenView } from '@drover/client';
import type { Call } from '../call.ts';
import { connect } from '../connect.ts';
import { printJson, printTable, wantsJson } from '../output.ts';
import { formatAge } from '../text/age.ts';
import { formatDuration } from '../values/duration.ts';

/** `drover join-token list`. */
export async function list(call: Call): Promise<number> {
  const client = await connect(call);
  const views = await client.joinTokens.list();
  if (wantsJson(call)) {
    printJson(call, views);
    return 0;
  }
  const nowMs = Date.now();
  printTable<JoinTokenView>(
    call,
    [
      { title: 'ID', value: (view) => view.id, min: 8 },
      { title: 'POOL', value: (view) => view.pool, drop: 3 },
      { title: 'USED', value: (view) => `${view.used}/${view.uses}` },
      { title: 'AGE', value: (view) => formatAge(view.createdAt, nowMs), drop: 1 },
      { title: 'EXPIRES IN', value: (view) => untilText(view.expiresAt, nowMs), drop: 2 },
    ],
    views.toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1)),
    'no join tokens',
  );
  return 0;
}

function untilText(stamp: string, nowMs: number): string {
  const ms = Date.parse(stamp) - nowMs;
  return ms <= 0 ? 'expired' : formatDuration(ms);
}
