import type { Call, ClientFlags } from '../call.ts';
import { connect } from '../connect.ts';
import { printJson } from '../output.ts';
import { autostopText, dollars, paintClusterStatus } from './shown.ts';

/** `drover cluster show CLUSTER`. */
export async function show(call: Call): Promise<number> {
  const flags = call.command.opts<ClientFlags>();
  const client = await connect(call);
  const [name = ''] = call.args;
  const view = await client.clusters.get(name);
  if (flags.json) {
    printJson(call, view);
    return 0;
  }
  const { terminal } = call;
  const lines: [string, string | null][] = [
    ['name', view.name],
    ['id', view.id],
    ['status', paintClusterStatus(terminal.paint, view.status)],
    ['reason', view.reason?.message ?? null],
    ['user', view.user.name],
    ['resources', view.resources],
    ['type', view.instanceType],
    ['price', view.pricePerHour > 0 ? `${dollars(view.pricePerHour)} an hour` : null],
    ['autostop', view.autostop === null ? null : autostopText(view)],
    ['acts at', view.autostopAt],
    ['ports', view.ports.join(', ') || null],
    ['launched', view.launchedAt],
    ['last use', view.lastUse],
  ];
  for (const [key, value] of lines) if (value !== null) terminal.out(`${key.padEnd(10)} ${value}`);
  for (const node of view.nodes) {
    const gpus = node.gpus > 0 ? `, ${node.gpus} GPUs` : '';
    terminal.out(`${`node ${node.rank}`.padEnd(10)} ${node.address ?? '-'} (worker ${node.status}${gpus})`);
  }
  return 0;
}
