import type { Command } from 'commander';
import { makeCommand, type Run, withHead } from './grammar/build.ts';
import { clusterCommands } from './grammar/clusters.ts';
import { infraCommands } from './grammar/infra.ts';
import { instanceCommands } from './grammar/instances.ts';
import { herdCommands, otherCommands } from './grammar/machine.ts';
import { peopleCommands } from './grammar/people.ts';
import { headCommand, workerCommands } from './grammar/workers.ts';

const GROUPS: readonly (readonly [string, readonly string[]])[] = [
  ['Daily:', ['up', 'down', 'launch', 'exec', 'status', 'submit', 'ps', 'logs', 'cancel', 'explain']],
  [
    'Nouns:',
    [
      'cluster',
      'job',
      'request',
      'instance',
      'worker',
      'head',
      'join-token',
      'infra',
      'machine',
      'gpus',
      'cost-report',
      'events',
    ],
  ],
  ['People:', ['login', 'logout', 'whoami', 'user', 'token', 'project', 'audit']],
  ['This program:', ['config', 'completion', 'version']],
];

/** The whole grammar. Nothing of a verb is loaded before it runs. */
export function buildProgram(run: Run, version: string): Command {
  const program = withHead(makeCommand('drover', 'Runs commands on a herd of machines.'))
    .enablePositionalOptions()
    .version(version, '-V, --version', 'show the version');
  for (const command of [
    ...herdCommands(run),
    ...clusterCommands(run),
    ...instanceCommands(run),
    ...workerCommands(run),
    ...infraCommands(run),
    headCommand(run),
    ...peopleCommands(run),
    ...otherCommands(run),
  ]) {
    const group = GROUPS.find(([, names]) => names.includes(command.name()));
    program.addCommand(group === undefined ? command : command.helpGroup(group[0]));
  }
  return program;
}
