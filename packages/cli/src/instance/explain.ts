import type { Explanation } from '@drover/client';
import type { Call } from '../call.ts';
import { connect } from '../connect.ts';
import { printJson, wantsJson } from '../output.ts';
import { formatAge } from '../text/age.ts';
import { type Column, formatPage, formatTable } from '../text/table.ts';
import { paintStatus, shortId } from './shown.ts';

type Candidate = Explanation['workers'][number];

/** `drover explain REF`. */
export async function explain(call: Call): Promise<number> {
  const client = await connect(call);
  const found = await client.instances.explain(call.args[0] ?? '');
  if (wantsJson(call)) {
    printJson(call, found);
    return 0;
  }
  const { terminal } = call;
  const page = formatPage([
    ['instance', found.id],
    ['status', `${found.status} for ${formatAge(found.since, Date.now())}`],
    ['reason', found.reason === null ? null : `${found.reason.message} (${found.reason.code})`],
    ['position', found.position === null ? null : positionText(found.position)],
    ['never fits', found.neverFits ? 'no worker that is known could hold it, even when empty' : null],
  ]);
  for (const line of page) terminal.out(line);
  if (found.workers.length > 0) {
    terminal.out('');
    const columns: Column<Candidate>[] = [
      { title: 'WORKER', value: ({ workerId }) => shortId(workerId) },
      { title: 'HOST', value: ({ host }) => host, min: 8, drop: 2 },
      {
        title: 'STATUS',
        value: ({ status }) => status,
        drop: 1,
        paint: (text) => paintStatus(terminal.paint, text),
      },
      { title: 'FITS NOW', value: ({ fitsNow }) => (fitsNow ? 'yes' : 'no'), drop: 4 },
      { title: 'FITS EMPTY', value: ({ fitsEmpty }) => (fitsEmpty ? 'yes' : 'no'), drop: 3 },
      { title: 'WHAT FAILS', value: whatFails, min: 8 },
    ];
    for (const line of formatTable(columns, found.workers, terminal.columns)) terminal.out(line);
  }
  if (found.nextStep !== '') terminal.out(`\nnext: ${formatPage([['', found.nextStep]])[0]?.trim() ?? ''}`);
  return 0;
}

const positionText = (position: number): string =>
  position === 0 ? 'first in the queue' : `${position} before it in the queue`;

const whatFails = ({ failing }: Candidate): string => failing.map(({ message }) => message).join('; ');
