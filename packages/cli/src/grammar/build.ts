import { Command } from 'commander';
import type { Verb } from '../call.ts';

/** Runs a verb that was chosen; given by `main`. */
export type Run = (command: Command, load: () => Promise<Verb>) => Promise<void>;

/** A command with the manners of this program. */
export function makeCommand(name: string, description: string): Command {
  return (
    new Command(name)
      .description(description)
      .helpOption('-h, --help', 'show this help')
      .helpCommand(false)
      .exitOverride()
      // Errors are thrown and told by `main`; what goes to standard error here is only the help of an incomplete line.
      .configureOutput({ outputError: () => undefined })
  );
}

/** Adds what every verb has that speaks with a head. */
export function withHead(command: Command): Command {
  return withJson(command)
    .option('--head <url>', 'address of the head (DROVER_HEAD)')
    .option('--token <token>', 'token for the head (DROVER_TOKEN)')
    .option('--ca <ca>', 'authority to trust for an https head: ca_... or a PEM file (DROVER_CA)')
    .option('--project <name>', 'what it is for (DROVER_PROJECT)')
    .option('--context <name>', 'context of the configuration file (DROVER_CONTEXT)');
}

/** Adds `--json`. */
export function withJson(command: Command): Command {
  return command.option('--json', 'print JSON');
}
