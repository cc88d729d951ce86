import type { Role, UserPatch } from '@drover/client';
import { confirm } from '../ask.ts';
import type { Call } from '../call.ts';
import { connect } from '../connect.ts';
import { printJson, wantsJson } from '../output.ts';

async function change(call: Call, patch: UserPatch, words: string): Promise<number> {
  const client = await connect(call);
  const view = await client.users.change(call.args[0] ?? '', patch);
  if (wantsJson(call)) printJson(call, view);
  else call.terminal.out(`${view.name} ${words}`);
  return 0;
}

/** `drover user set-role NAME ROLE`. */
export async function setRole(call: Call): Promise<number> {
  const role = call.command.processedArgs[1] as Role;
  return await change(call, { role }, `is ${role} now`);
}

/** `drover user disable NAME`. */
export const disable = (call: Call): Promise<number> =>
  change(call, { status: 'DISABLED' }, 'is disabled: none of its tokens is taken');

/** `drover user enable NAME`. */
export const enable = (call: Call): Promise<number> => change(call, { status: 'ACTIVE' }, 'may call again');

/** `drover user delete NAME`. */
export async function remove(call: Call): Promise<number> {
  const [name = ''] = call.args;
  const { yes } = call.command.opts<{ readonly yes?: boolean }>();
  if (!(await confirm(call, `Delete user ${name} and all its tokens?`, yes))) return 1;
  const client = await connect(call);
  await client.users.delete(name);
  if (wantsJson(call)) printJson(call, { user: name, deleted: true });
  else call.terminal.out(`${name} deleted`);
  return 0;
}
