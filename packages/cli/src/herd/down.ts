import { join } from 'node:path';
import type { Client } from '@drover/client';
import type { Call } from '../call.ts';
import { clientOf } from '../connect.ts';
import { EXIT } from '../errors.ts';
import { stateRoot } from '../settings/state.ts';
import { endInstances, type InstanceEnd } from './end-instances.ts';
import { readHerdFile, readJson, workerFolders, workerIdIn } from './files.ts';
import { headIn } from './head-line.ts';
import { endProcess, type Holder, holderOf } from './holder.ts';
import { lockHerd, startHerd } from './start.ts';
import { stopInfra } from './stop-infra.ts';

interface Flags {
  readonly json?: boolean;
  readonly grace?: number;
  readonly keepInstances?: boolean;
}

/** What `down` did, and what it could not do. */
interface Outcome {
  instances: number;
  workers: number[];
  head: number | null;
  problems: string[];
}

/** `drover down`: instances, then workers, then the head; leaves no process behind. */
export async function down(call: Call): Promise<number> {
  const flags = call.command.opts<Flags>();
  const { terminal, env } = call;
  const root = stateRoot(env);
  const outcome: Outcome = { instances: 0, workers: [], head: null, problems: [] };
  const headFolder = join(root, 'head');
  const holders = () => workerFolders(root).flatMap((folder) => holderOf(folder) ?? []);
  if (holderOf(headFolder) === null && holders().length === 0) {
    if (flags.json) terminal.out(JSON.stringify(outcome));
    else terminal.out('nothing of Drover runs here');
    return EXIT.ok;
  }
  if (!flags.keepInstances) {
    const end = await endAll(call, root, flags.grace, outcome.problems);
    outcome.instances = end?.ended ?? 0;
  }
  const unlock = await lockHerd(root);
  try {
    const endOne = async (holder: Holder, what: string): Promise<void> => {
      if (!(await endProcess(holder))) outcome.problems.push(`${what} (pid ${holder.pid}) had to be killed`);
    };
    await Promise.all(
      holders().map(async (holder) => {
        await endOne(holder, 'a worker');
        outcome.workers.push(holder.pid);
      }),
    );
    const head = holderOf(headFolder);
    if (head !== null) {
      await endOne(head, 'the head');
      outcome.head = head.pid;
    }
  } finally {
    unlock();
  }
  if (flags.json) terminal.out(JSON.stringify(outcome));
  else for (const line of linesOf(outcome, flags)) terminal.out(line);
  for (const problem of outcome.problems) terminal.say(`drover: ${problem}`);
  return outcome.problems.length === 0 ? EXIT.ok : EXIT.other;
}

/** Ends the instances by way of the head. Null when there is no head to ask. */
async function endAll(
  call: Call,
  root: string,
  graceMs: number | undefined,
  problems: string[],
): Promise<InstanceEnd | null> {
  const { terminal, env } = call;
  const folder = join(root, 'head');
  const file = readJson(join(folder, 'head.json'));
  if (holderOf(folder)?.pid !== file.pid || typeof file.url !== 'string') {
    problems.push(
      'the head is dead, so instances could not be ended and may go on: "drover up", then "drover down" ends them',
    );
    return null;
  }
  const client = clientOf(headIn(file), 5000);
  try {
    await bringBackWorkers(env, root, client, terminal.say);
    const say = terminal.errIsTty ? terminal.say : () => undefined;
    const projects = await client.projects.list();
    const ends = await Promise.all(
      projects.map(({ name }) =>
        endInstances(clientOf({ ...headIn(file), project: name }, 5000), graceMs, say),
      ),
    );
    const end = {
      ended: ends.reduce((sum, each) => sum + each.ended, 0),
      problems: ends.flatMap((each) => each.problems),
    };
    problems.push(...end.problems, ...(await stopInfra(client, say)));
    return end;
  } catch (error) {
    problems.push(`instances could not be ended: ${error instanceof Error ? error.message : error}`);
    return null;
  }
}

/** Only its worker can end an instance: one that died while instances are on it is started for that. */
async function bringBackWorkers(
  env: Call['env'],
  root: string,
  client: Client,
  say: (line: string) => void,
): Promise<void> {
  const dead = workerFolders(root).filter((folder) => holderOf(folder) === null);
  const ids = dead.flatMap((folder) => workerIdIn(folder) ?? []);
  if (ids.length === 0) return;
  const busy = (await client.workers.list()).filter(({ id, instances }) => ids.includes(id) && instances > 0);
  if (busy.length === 0) return;
  say(`drover: ${busy.length} dead workers still have instances; starting them again to end these`);
  await startHerd(
    env,
    { workers: Math.max(readHerdFile(root).workers ?? 1, workerFolders(root).length) },
    say,
  );
}

function linesOf({ instances, workers, head }: Outcome, { keepInstances }: Flags): string[] {
  return [
    keepInstances ? 'instances: not touched' : `instances: ${instances} ended`,
    `workers:   ${workers.length} ended`,
    `head:      ${head === null ? 'was not running' : 'ended'}`,
  ];
}
