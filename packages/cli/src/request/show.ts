import type { Call, ClientFlags } from '../call.ts';
import { connect } from '../connect.ts';
import { printJson } from '../output.ts';

/** `drover request show [REQUEST]`. */
export async function show(call: Call): Promise<number> {
  const flags = call.command.opts<ClientFlags>();
  const client = await connect(call);
  const view = await client.requests.view(call.args[0] ?? null);
  if (flags.json) {
    printJson(call, view);
    return 0;
  }
  const lines: [string, string | null][] = [
    ['id', view.id],
    ['name', view.name],
    ['status', view.status],
    ['reason', view.reason?.message ?? null],
    ['cluster', view.cluster],
    ['job', view.jobId === null ? null : String(view.jobId)],
    ['user', view.user.name],
    ['created', view.createdAt],
    ['finished', view.finishedAt],
    ['result', view.status === 'SUCCEEDED' ? JSON.stringify(view.result) : null],
    ['error', view.error === null ? null : `${view.error.code}: ${view.error.message}`],
  ];
  for (const [key, value] of lines) if (value !== null) call.terminal.out(`${key.padEnd(9)} ${value}`);
  return 0;
}
