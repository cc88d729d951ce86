import type { ClusterJobView } from '@drover/client';
import type { Call, ClientFlags } from '../call.ts';
import { paintClusterStatus } from '../cluster/shown.ts';
import { connect } from '../connect.ts';
import { printJson, printTable } from '../output.ts';
import { formatAge } from '../text/age.ts';
import type { Column } from '../text/table.ts';
import { formatDuration } from '../values/duration.ts';

interface Flags extends ClientFlags {
  readonly skipFinished?: boolean;
  readonly allUsers?: boolean;
}

/** `drover job list [CLUSTER...]`. */
export async function list(call: Call): Promise<number> {
  const flags = call.command.opts<Flags>();
  const client = await connect(call);
  const names =
    call.args.length > 0
      ? call.args
      : (await client.clusters.list()).filter((view) => view.status === 'UP').map((view) => view.name);
  const filter = { skipFinished: flags.skipFinished ?? false, allUsers: flags.allUsers ?? true };
  const lists = await Promise.all(
    names.map(async (name) => ({ name, jobs: await client.jobs.list(name, filter) })),
  );
  if (flags.json) {
    printJson(
      call,
      lists.flatMap(({ jobs }) => jobs),
    );
    return 0;
  }
  if (lists.length === 0) call.terminal.say('no cluster is UP; "drover launch" makes one');
  const nowMs = Date.now();
  for (const { name, jobs } of lists) {
    if (lists.length > 1) call.terminal.out(`\n${call.terminal.paint.bold(name)}`);
    printTable(call, columnsOf(call, nowMs), jobs, `${name} has no jobs; "drover exec ${name}" runs one`);
  }
  return 0;
}

const columnsOf = (call: Call, nowMs: number): Column<ClusterJobView>[] => [
  { title: 'ID', value: (view) => String(view.jobId) },
  { title: 'NAME', value: (view) => view.name ?? '-', min: 6, drop: 5 },
  { title: 'USER', value: (view) => view.user.name, drop: 2 },
  { title: 'SUBMITTED', value: (view) => formatAge(view.submittedAt, nowMs), drop: 3 },
  { title: 'STARTED', value: (view) => (view.startedAt ? formatAge(view.startedAt, nowMs) : '-'), drop: 4 },
  { title: 'DURATION', value: (view) => durationOf(view, nowMs), drop: 4 },
  { title: 'RESOURCES', value: (view) => view.resources, drop: 3 },
  {
    title: 'STATUS',
    value: (view) => view.status,
    paint: (text) => paintClusterStatus(call.terminal.paint, text),
  },
  { title: 'REASON', value: (view) => view.reason?.message ?? '', min: 12, drop: 6 },
];

function durationOf({ startedAt, endedAt }: ClusterJobView, nowMs: number): string {
  if (startedAt === null) return '-';
  const endMs = endedAt === null ? nowMs : Date.parse(endedAt);
  const ms = Math.max(0, endMs - Date.parse(startedAt));
  return ms < 1000 ? '<1s' : formatDuration(Math.floor(ms / 1000) * 1000);
}
