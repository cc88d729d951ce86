import type { InstanceView } from '@drover/client';
import type { Call } from '../call.ts';
import { connect } from '../connect.ts';
import { printJson, wantsJson } from '../output.ts';
import { formatAge } from '../text/age.ts';
import { formatCommand, quote } from '../text/shell.ts';
import { formatPage } from '../text/table.ts';
import { formatMiB } from '../values/bytes.ts';
import { formatDuration } from '../values/duration.ts';
import { exitText } from './shown.ts';

/** `drover instance show REF`. */
export async function show(call: Call): Promise<number> {
  const client = await connect(call);
  const view = await client.instances.get(call.args[0] ?? '');
  if (wantsJson(call)) printJson(call, view);
  else for (const line of formatPage(pageOf(view, Date.now()))) call.terminal.out(line);
  return 0;
}

const lostText = (view: InstanceView): string | null =>
  view.onWorkerLost === 'wait'
    ? null
    : `${view.onWorkerLost} after ${formatDuration(view.lostAfterMs ?? 0)} of silence`;

function pageOf(view: InstanceView, nowMs: number): [string, string | null][] {
  const stamp = (at: string | null) => (at === null ? null : `${at} (${formatAge(at, nowMs)} ago)`);
  const pairs = (map: Readonly<Record<string, string>>) =>
    Object.entries(map).length === 0
      ? null
      : Object.entries(map)
          .map(([key, value]) => `${key}=${quote(value)}`)
          .join(' ');
  const { cpu, memoryMiB, diskMiB, gpus } = view.resources;
  const disk = diskMiB === 0 ? '' : `, ${formatMiB(diskMiB)} disk`;
  const gpu = gpus === 0 ? '' : `, ${gpus} GPUs${view.exclusive ? '' : ' (shared)'}`;
  return [
    ['id', view.id],
    ['name', view.name],
    ['status', `${view.displayStatus} for ${formatAge(view.since, nowMs)}`],
    ['reason', view.reason === null ? null : `${view.reason.message} (${view.reason.code})`],
    ['exit', exitText(view) || null],
    ['command', formatCommand(view.command)],
    ['resources', `${cpu} cores, ${formatMiB(memoryMiB)} memory${disk}${gpu}`],
    ['GPU indices', (view.gpuIndices ?? view.requestedGpuIndices)?.join(',') || null],
    ['worker', view.workerId],
    ['target worker', view.targetWorker],
    ['endpoint', view.endpoint],
    ['pid', view.pid === null ? null : String(view.pid)],
    ['attempt', String(view.attempt)],
    ['labels', pairs(view.labels)],
    ['env', pairs(view.env)],
    ['venv', view.venv],
    ['workdir', view.workdir],
    ['priority', view.priority === 0 ? null : String(view.priority)],
    ['grace', formatDuration(view.graceMs)],
    ['worker lost', lostText(view)],
    ['log', view.log === null ? null : `${view.log.size} bytes written, kept from ${view.log.available} on`],
    ['created', stamp(view.createdAt)],
    ['assigned', stamp(view.assignedAt)],
    ['started', stamp(view.startedAt)],
    ['ended', stamp(view.endedAt)],
    ['cancel asked', stamp(view.cancelRequestedAt)],
    ['submitted by', view.submittedBy],
  ];
}
