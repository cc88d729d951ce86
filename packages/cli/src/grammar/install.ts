import type { Command } from 'commander';
import type { Verb } from '../call.ts';
import { makeCommand, type Run, withJson } from './build.ts';

/** `drover head install` and `drover worker install`. */
export function installCommand(run: Run, noun: 'head' | 'worker', load: () => Promise<Verb>): Command {
  const command = withJson(makeCommand('install', `write a systemd unit that runs a ${noun}`))
    .argument('[flags...]', `after --: flags of "drover ${noun}", kept as they are`)
    .option('--user', 'a unit of this user instead of the machine')
    .option('--run-as <user>', 'the user that a unit of the machine runs as (default: root)')
    .option('--print', 'show the unit, and write nothing')
    .option('--force', 'overwrite what is there')
    .option(
      '--save-env',
      noun === 'head'
        ? 'keep DROVER_STORE of this shell in a file of mode 0600 that the unit reads'
        : 'keep DROVER_JOIN_TOKEN and DROVER_TOKEN of this shell in a file of mode 0600 that the unit reads',
    )
    .option('--dir <dir>', 'folder to write to (default: where systemd looks)');
  return command.action(async () => await run(command, load));
}
