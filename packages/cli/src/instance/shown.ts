/** How instances look to people: colours of statuses, short ids, exit codes. */
import { constants } from 'node:os';
import type { InstanceView } from '@drover/client';
import { EXIT } from '../errors.ts';
import type { Terminal } from '../text/terminal.ts';

/** The beginning of an id: enough to find it by. */
export const shortId = (id: string): string => id.slice(0, 8);

/** What a person may type to mean this instance. */
export const refOf = (view: Pick<InstanceView, 'id' | 'name'>): string => view.name ?? shortId(view.id);

/** Name and id for a message. */
export const labelOf = (view: Pick<InstanceView, 'id' | 'name'>): string =>
  view.name === null ? shortId(view.id) : `${view.name} (${shortId(view.id)})`;

/** The status in its colour. */
export function paintStatus(paint: Terminal['paint'], status: string): string {
  switch (status) {
    case 'RUNNING':
    case 'ONLINE':
      return paint.green(status);
    case 'FAILED':
    case 'OFFLINE':
      return paint.red(status);
    case 'PENDING':
    case 'ASSIGNED':
    case 'CANCELLING':
    case 'UNKNOWN':
    case 'SUSPECT':
      return paint.yellow(status);
    default:
      return status;
  }
}

/** `0`, `SIGKILL`, or nothing while there is none. */
export const exitText = (view: InstanceView): string =>
  view.signal ?? (view.exitCode === null ? '' : String(view.exitCode));

/** The exit code that stands for the end: its own, 128+n for a signal, 125 when the command never ran to an end. */
export function exitCodeOfInstance(view: Pick<InstanceView, 'status' | 'exitCode' | 'signal'>): number {
  if (view.signal !== null) {
    const number = (constants.signals as Readonly<Record<string, number>>)[view.signal];
    if (number !== undefined) return 128 + number;
  }
  if (view.exitCode !== null) return view.exitCode;
  return view.status === 'COMPLETED' ? EXIT.ok : EXIT.drover;
}

/** One line on how it ended: "train (1a2b3c4d) FAILED with exit code 3: reason". */
export function describeEnd(view: InstanceView): string {
  const how =
    view.signal !== null
      ? ` by ${view.signal}`
      : view.exitCode !== null
        ? ` with exit code ${view.exitCode}`
        : '';
  const why = view.reason === null ? '' : `: ${view.reason.message}`;
  return `${labelOf(view)} ${view.status}${how}${why}`;
}
