import type { ProjectView } from '@drover/client';
import type { Call } from '../call.ts';
import { connect } from '../connect.ts';
import { printJson, printTable, wantsJson } from '../output.ts';
import { usedOf } from './quotas.ts';

const forWhom = ({ private: isPrivate, members }: ProjectView): string =>
  isPrivate ? `${members.length} member${members.length === 1 ? '' : 's'}` : 'all';

/** `drover project list`. */
export async function list(call: Call): Promise<number> {
  const client = await connect(call);
  const views = await client.projects.list();
  if (wantsJson(call)) {
    printJson(call, views);
    return 0;
  }
  printTable<ProjectView>(
    call,
    [
      { title: 'NAME', value: (view) => view.name, min: 8 },
      { title: 'YOU', value: (view) => view.role },
      { title: 'FOR', value: forWhom, drop: 5 },
      { title: 'INSTANCES', value: (view) => usedOf(view, 'instances'), drop: 2 },
      { title: 'GPUS', value: (view) => usedOf(view, 'gpus'), drop: 3 },
      { title: 'REQUESTS', value: (view) => usedOf(view, 'requests'), drop: 4 },
      { title: 'LOG MIB', value: (view) => usedOf(view, 'logMiB'), drop: 6 },
      { title: 'DESCRIPTION', value: (view) => view.description, min: 10, drop: 7 },
    ],
    views,
    'no projects',
  );
  return 0;
}
