import type { Role } from '@drover/client';
import { confirm } from '../ask.ts';
import type { Call, ClientFlags } from '../call.ts';
import { connect } from '../connect.ts';
import { UsageError } from '../errors.ts';
import { printJson, wantsJson } from '../output.ts';
import { type QuotaFlags, quotasOf } from './quotas.ts';

type Flags = ClientFlags &
  QuotaFlags & { readonly open?: boolean; readonly private?: boolean; readonly description?: string };

function say(call: Call, view: object, words: string): number {
  if (wantsJson(call)) printJson(call, view);
  else call.terminal.out(words);
  return 0;
}

/** `drover project set NAME`. What is not given stays as it was. */
export async function set(call: Call): Promise<number> {
  const flags = call.command.opts<Flags>();
  const [name = ''] = call.args;
  if (flags.open && flags.private) throw new UsageError('--open and --private exclude each other');
  const quotas = quotasOf(flags);
  const patch = {
    ...(flags.open && { private: false }),
    ...(flags.private && { private: true }),
    ...(flags.description !== undefined && { description: flags.description }),
    ...(Object.keys(quotas).length > 0 && { quotas }),
  };
  if (Object.keys(patch).length === 0)
    throw new UsageError('nothing to change', 'name a quota, or --open or --private');
  const client = await connect(call);
  return say(call, await client.projects.change(name, patch), `project ${name} was changed`);
}

/** `drover project add-member NAME USER`. */
export async function addMember(call: Call): Promise<number> {
  const { role = 'user' } = call.command.opts<{ readonly role?: Role }>();
  const [name = '', user = ''] = call.args;
  const client = await connect(call);
  const view = await client.projects.setMember(name, user, role);
  return say(call, view, `${user} is ${role} in project ${name}`);
}

/** `drover project remove-member NAME USER`. */
export async function removeMember(call: Call): Promise<number> {
  const [name = '', user = ''] = call.args;
  const client = await connect(call);
  return say(call, await client.projects.removeMember(name, user), `${user} is no member of project ${name}`);
}

/** `drover project delete NAME`. */
export async function remove(call: Call): Promise<number> {
  const [name = ''] = call.args;
  const { yes } = call.command.opts<{ readonly yes?: boolean }>();
  if (!(await confirm(call, `Delete project ${name}? Its name is not given again.`, yes))) return 1;
  const client = await connect(call);
  await client.projects.delete(name);
  return say(call, { project: name, deleted: true }, `project ${name} deleted`);
}
