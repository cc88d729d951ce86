import type { WorkerView } from '@drover/client';
import type { Call } from '../call.ts';
import { connect } from '../connect.ts';
import { printJson, wantsJson } from '../output.ts';
import { formatAge } from '../text/age.ts';
import { formatPage } from '../text/table.ts';
import { formatMiB } from '../values/bytes.ts';
import { freeMemory, freeOf } from './shown.ts';

/** `drover worker show REF`. */
export async function show(call: Call): Promise<number> {
  const client = await connect(call);
  const view = await client.workers.get(call.args[0] ?? '');
  if (wantsJson(call)) printJson(call, view);
  else for (const line of formatPage(pageOf(view, Date.now()))) call.terminal.out(line);
  return 0;
}

function pageOf(view: WorkerView, nowMs: number): [string, string | null][] {
  const { supervision, physical } = view;
  const gpus = view.gpus.map(({ index, model, memoryMiB }): [string, string] => [
    `GPU ${index}`,
    [
      model ?? 'unknown model',
      memoryMiB === null ? '' : formatMiB(memoryMiB),
      view.gpuIndicesAvailable.includes(index) ? 'free' : 'in use',
    ]
      .filter((part) => part !== '')
      .join(', '),
  ]);
  const memory = supervision.memoryEnforced ? 'enforced' : 'not enforced';
  return [
    ['id', view.id],
    ['name', view.name],
    ['status', `${view.status} for ${formatAge(view.since, nowMs)}`],
    ['reason', view.reason === null ? null : `${view.reason.message} (${view.reason.code})`],
    ['place', view.machine === null ? view.place : `${view.place} (machine ${view.machine})`],
    ['host', view.host === view.hostname ? view.host : `${view.host} (${view.hostname})`],
    ['cores', `${freeOf(view, 'cpu')} free, ${physical.cpu} on the machine`],
    ['memory', `${freeMemory(view)} free, ${formatMiB(physical.memoryMiB)} on the machine`],
    ['disk', `${formatMiB(view.available.diskMiB)}/${formatMiB(view.total.diskMiB)} free`],
    ['ports', `${view.available.ports}/${view.total.ports} free`],
    ['GPUs', `${freeOf(view, 'gpus')} free`],
    ...gpus,
    ['instances', String(view.instances)],
    [
      'unknown',
      view.unknownInstances.map(({ instance, attempt }) => `${instance} attempt ${attempt}`).join(', ') ||
        null,
    ],
    ['supervision', `shim ${supervision.shim}, cgroups ${supervision.cgroup}, memory limits ${memory}`],
    ...supervision.notes.map((note): [string, string] => ['note', note]),
    ['version', view.version],
    ['last seen', view.lastSeenAt === null ? null : `${formatAge(view.lastSeenAt, nowMs)} ago`],
    ['clock', view.clockSkewMs === null ? null : `${view.clockSkewMs} ms from the head's`],
    ['refused', view.refusedFrames === 0 ? null : `${view.refusedFrames} orders of an older or another head`],
    ['joined', `${view.createdAt} (${formatAge(view.createdAt, nowMs)} ago)`],
  ];
}
