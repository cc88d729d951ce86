import type { Role } from '@drover/client';
import type { Call, ClientFlags } from '../call.ts';
import { connect } from '../connect.ts';
import { headFor } from '../herd/elsewhere.ts';
import { printJson } from '../output.ts';
import { besideHead } from './beside-head.ts';

type Flags = ClientFlags & {
  readonly role?: Role;
  readonly service?: boolean;
  readonly ttl?: number;
  readonly withoutToken?: boolean;
};

/** `drover user create NAME`. The token is the only line on standard output. */
export async function create(call: Call): Promise<number> {
  const flags = call.command.opts<Flags>();
  const { terminal, args } = call;
  const client = await connect(call);
  // Before anything is made: nothing that fails after it may keep the token from being shown.
  const { url, caFlag, note } = await headFor(call, client);
  const warning = flags.role === 'admin' ? null : await besideHead(client);
  const user = await client.users.create({
    name: args[0] ?? '',
    ...(flags.role && { role: flags.role }),
    ...(flags.service && { kind: 'service' }),
  });
  const made = flags.withoutToken
    ? null
    : await client.tokens.create({
        user: user.name,
        name: 'first',
        ...(flags.ttl !== undefined && { ttlS: Math.ceil(flags.ttl / 1000) }),
      });
  const login = `drover login ${url}${caFlag}`;
  if (flags.json)
    printJson(call, {
      ...user,
      tokens: made ? 1 : 0,
      token: made?.token ?? null,
      expiresAt: made?.expiresAt ?? null,
      login,
    });
  else {
    if (made) terminal.out(made.token);
    terminal.say(`user ${user.name} (${user.role}) was made${made ? '; its token is shown this once' : ''}`);
    if (made) terminal.say(`${note === null ? 'there' : 'here'}: ${login}`);
    if (made && note !== null) terminal.say(note);
    if (warning !== null) terminal.say(`warning: ${warning}`);
  }
  return 0;
}
