import type { Call } from '../call.ts';
import { connect } from '../connect.ts';
import { printJson, wantsJson } from '../output.ts';
import { formatPage } from '../text/table.ts';
import { usedOf } from './quotas.ts';

/** `drover project show NAME`. */
export async function show(call: Call): Promise<number> {
  const client = await connect(call);
  const view = await client.projects.get(call.args[0] ?? '');
  if (wantsJson(call)) {
    printJson(call, view);
    return 0;
  }
  const members = view.members.map((member) => `${member.user} (${member.role})`).join(', ');
  const lines = formatPage([
    ['name', view.name],
    ['description', view.description || null],
    ['for', view.private ? members || 'admins: it has no members' : 'all users'],
    ['members', view.private || members === '' ? null : members],
    ['you', view.role],
    ['instances', usedOf(view, 'instances')],
    ['gpus', usedOf(view, 'gpus')],
    ['requests', usedOf(view, 'requests')],
    ['log MiB', usedOf(view, 'logMiB') || null],
    ['created', view.createdAt],
  ]);
  for (const line of lines) call.terminal.out(line);
  return 0;
}
