import { type Command, CommanderError } from 'commander';
import type { Call, Env, Hooks, Verb } from './call.ts';
import { EXIT, exitCodeOf, renderError, UsageError } from './errors.ts';
import { buildProgram } from './program.ts';
import { readConfigFile } from './settings/file.ts';
import { resolveSettings } from './settings/resolve.ts';
import { endQuietlyOnClosedPipe, flush, openTerminal } from './text/terminal.ts';

/**
 * Runs one command line (`argv` without node and script).
 * @returns the exit code, when all output has left. Never throws.
 */
export async function main(argv: readonly string[], hooks: Hooks, env: Env = process.env): Promise<number> {
  endQuietlyOnClosedPipe();
  const terminal = openTerminal(env);
  let code: number = EXIT.ok;
  const run = async (command: Command, load: () => Promise<Verb>): Promise<void> => {
    const config = readConfigFile(env);
    resolveSettings(command, env, config);
    const call: Call = { command, args: command.args, argv, env, hooks, terminal, config };
    code = await (await load())(call);
  };
  try {
    if (argv[0] === '__complete') {
      const { complete } = await import('./completion/complete.ts');
      await complete(argv.slice(1), buildProgram(run, hooks.version), env, terminal);
    } else {
      await buildProgram(run, hooks.version).parseAsync([...argv], { from: 'user' });
    }
  } catch (error) {
    code = report(error);
  }
  await flush();
  return code;

  function report(thrown: unknown): number {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return EXIT.ok;
    // The help of an incomplete line was printed.
    if (thrown instanceof CommanderError && thrown.code === 'commander.help') return EXIT.usage;
    const error =
      thrown instanceof CommanderError
        ? translate(thrown, commandOf(buildProgram(run, hooks.version), ownWords(argv)))
        : thrown;
    terminal.say(renderError(error, wantsJsonErrors(argv, env)));
    return standsForInstance(argv) ? EXIT.drover : exitCodeOf(error);
  }
}

/** What the parser throws of a command, in our words. */
function translate(error: CommanderError, command: Command): UsageError {
  const [first = '', second] = error.message.replace(/^error: /, '').split('\n');
  const suggestion = /^\(Did you mean (.*)\?\)$/.exec(second ?? '')?.[1];
  const hint = suggestion === undefined ? undefined : `did you mean ${suggestion}?`;
  return new UsageError(
    first.trim(),
    hint ?? (error.code === 'commander.unknownOption' ? optionsHint(command) : undefined),
  );
}

function optionsHint(command: Command): string {
  const names: string[] = [];
  for (let each: Command | null = command; each; each = each.parent) names.unshift(each.name());
  const help = `"${names.join(' ')} --help" shows those that there are`;
  const takesCommand = command.registeredArguments.some((each) => COMMAND_ARGUMENTS.has(each.name()));
  return takesCommand ? `options of the submitted command stand after --; ${help}` : help;
}

/** Of these the words of a command can be. */
const COMMAND_ARGUMENTS = new Set(['command', 'task']);

/** The command that the words mean, as far as they can be followed. */
function commandOf(program: Command, words: readonly string[]): Command {
  let command = program;
  for (const word of words.filter((each) => !each.startsWith('-'))) {
    const next = command.commands.find((each) => each.name() === word || each.aliases().includes(word));
    if (!next) break;
    command = next;
  }
  return command;
}

/** The words that are drover's own: all before `--`. */
function ownWords(argv: readonly string[]): readonly string[] {
  const end = argv.indexOf('--');
  return end < 0 ? argv : argv.slice(0, end);
}

function wantsJsonErrors(argv: readonly string[], env: Env): boolean {
  return ownWords(argv).includes('--json') || /^(1|true|yes|on)$/i.test(env.DROVER_JSON ?? '');
}

/** With `submit --wait` and `submit -f` the exit code is the instance's, so that Drover's own errors need another. */
function standsForInstance(argv: readonly string[]): boolean {
  const words = ownWords(argv);
  // Whatever stands before the verb is an option of drover or its value.
  const at = words.findIndex((word) => VERBS.has(word));
  const verb = words[at] === 'instance' ? words[at + 1] : words[at];
  return verb === 'submit' && words.some((word) => /^(--wait|--follow|-f.*)$/.test(word));
}

const VERBS = new Set([
  'submit',
  'instance',
  'logs',
  'ps',
  'cancel',
  'explain',
  'worker',
  'head',
  'events',
  'up',
  'down',
]);
