import type { TokenView } from '@drover/client';
import type { Call, ClientFlags } from '../call.ts';
import { connect } from '../connect.ts';
import { shortId } from '../instance/shown.ts';
import { printJson, printTable } from '../output.ts';
import { formatAge } from '../text/age.ts';
import { formatDuration } from '../values/duration.ts';

/** `drover token list`. */
export async function list(call: Call): Promise<number> {
  const flags = call.command.opts<ClientFlags & { readonly allUsers?: boolean }>();
  const client = await connect(call);
  const views = await client.tokens.list({ allUsers: flags.allUsers });
  if (flags.json) {
    printJson(call, views);
    return 0;
  }
  const nowMs = Date.now();
  const left = ({ expiresAt }: TokenView): string => {
    if (expiresAt === null) return 'never';
    const ms = Date.parse(expiresAt) - nowMs;
    return ms <= 0 ? 'expired' : formatDuration(ms);
  };
  printTable<TokenView>(
    call,
    [
      { title: 'ID', value: (view) => shortId(view.id) },
      { title: 'USER', value: (view) => view.user, min: 4 },
      { title: 'NAME', value: (view) => view.name, min: 8, drop: 0 },
      { title: 'BEGINS', value: (view) => view.hint, drop: 5 },
      { title: 'ROLE', value: (view) => view.role ?? '', drop: 4 },
      { title: 'PROJECT', value: (view) => view.project ?? '', drop: 4 },
      { title: 'EXPIRES IN', value: left },
      {
        title: 'USED',
        value: (view) => (view.lastUsedAt === null ? '' : formatAge(view.lastUsedAt, nowMs)),
        drop: 2,
      },
      { title: 'AGE', value: (view) => formatAge(view.createdAt, nowMs), drop: 1 },
    ],
    views,
    'no tokens; "drover token create" makes one',
  );
  return 0;
}
