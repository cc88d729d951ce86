import type { Call } from '../call.ts';
import { connect } from '../connect.ts';
import { printJson, wantsJson } from '../output.ts';
import { formatPage } from '../text/table.ts';

/** `drover whoami`. */
export async function whoami(call: Call): Promise<number> {
  const client = await connect(call);
  const me = await client.head.whoami();
  if (wantsJson(call)) {
    printJson(call, me);
    return 0;
  }
  const { token } = me;
  const narrowed = [
    ...(token?.role ? [`at most ${token.role}`] : []),
    ...(token?.project ? [`only project ${token.project}`] : []),
  ];
  const lines = formatPage([
    ['user', me.user.kind === 'builtin' ? `${me.user.name} (the head's own token)` : me.user.name],
    ['kind', me.user.kind === 'service' ? 'service account' : null],
    ['role', `${me.role} in project ${me.project}`],
    ['projects', me.projects.map((each) => `${each.name} (${each.role})`).join(', ')],
    [
      'token',
      token && `${token.name} (${token.hint}...)${narrowed.length > 0 ? `, ${narrowed.join(', ')}` : ''}`,
    ],
    ['expires', token && (token.expiresAt ?? 'never')],
    ['head', client.url],
  ]);
  for (const line of lines) call.terminal.out(line);
  return 0;
}
