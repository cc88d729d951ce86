import type { AuditView } from '@drover/client';
import type { Call, ClientFlags } from '../call.ts';
import { connect } from '../connect.ts';
import { shortId } from '../instance/shown.ts';
import { oneLine } from '../text/sanitize.ts';
import { pad } from '../text/width.ts';

type Flags = ClientFlags & {
  readonly actor?: string;
  readonly noun?: string;
  readonly id?: string;
  readonly ofProject?: string;
  readonly denied?: boolean;
  readonly limit?: number;
};

const LINES = 50;

/** `drover audit`: newest first. JSON comes a line for each. */
export async function audit(call: Call): Promise<number> {
  const flags = call.command.opts<Flags>();
  const { actor, noun, id, ofProject, denied, limit = LINES } = flags;
  const client = await connect(call);
  const filter = {
    actor,
    noun,
    id,
    project: ofProject,
    ...(denied && { result: 'denied' as const }),
    limit: Math.min(limit, 1000),
  };
  let left = limit;
  for await (const view of client.audit.list(filter)) {
    call.terminal.out(flags.json ? JSON.stringify(view) : lineOf(view));
    left -= 1;
    if (left === 0) break;
  }
  if (left === limit) call.terminal.say('nothing');
  return 0;
}

/** Two changes of one thing tell apart by what they made of it. */
const movedTo = ({ from, to }: AuditView): string =>
  from === null || to === null || from === to ? '' : `: ${from} -> ${to}`;

function lineOf(view: AuditView): string {
  const what =
    view.noun === 'calls'
      ? view.id
      : `${view.noun} ${`${view.name ?? ''} (${shortId(view.id)})`.trim()} ${view.type}${movedTo(view)}`;
  const why = view.reason === null ? '' : `: ${view.reason.message}`;
  const where = view.source === null ? '' : ` from ${view.source}`;
  return oneLine(
    `${view.at}  ${pad(view.result, 6)}  ${pad(view.actor, 12)} ${what}${why} [project ${view.project}${where}]`,
  );
}
