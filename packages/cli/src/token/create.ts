import type { Role } from '@drover/client';
import type { Call, ClientFlags } from '../call.ts';
import { connect } from '../connect.ts';
import { UsageError } from '../errors.ts';
import { printJson } from '../output.ts';

type Flags = ClientFlags & {
  readonly user?: string;
  readonly role?: Role;
  readonly onlyProject?: string;
  readonly ttl?: number;
  readonly forever?: boolean;
};

/** `drover token create [NAME]`. The token is the only line on standard output. */
export async function create(call: Call): Promise<number> {
  const flags = call.command.opts<Flags>();
  const { terminal, args } = call;
  if (flags.ttl !== undefined && flags.forever)
    throw new UsageError('--ttl and --forever exclude each other');
  const client = await connect(call);
  const made = await client.tokens.create({
    ...(args[0] !== undefined && { name: args[0] }),
    ...(flags.user !== undefined && { user: flags.user }),
    ...(flags.role !== undefined && { role: flags.role }),
    ...(flags.onlyProject !== undefined && { project: flags.onlyProject }),
    ...(flags.ttl !== undefined && { ttlS: Math.ceil(flags.ttl / 1000) }),
    ...(flags.forever && { ttlS: null }),
  });
  if (flags.json) printJson(call, made);
  else {
    terminal.out(made.token);
    const until = made.expiresAt === null ? 'until it is revoked' : `until ${made.expiresAt}`;
    terminal.say(`token "${made.name}" of ${made.user} is good ${until}; it is shown this once`);
  }
  return 0;
}
