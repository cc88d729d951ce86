import type { Command, Option } from 'commander';
import type { Env } from '../call.ts';
import { locateHead, openClient } from '../connect.ts';
import { oneLine } from '../text/sanitize.ts';
import type { Terminal } from '../text/terminal.ts';

/** A head that answers later is of no use to a person who has pressed a key. */
const HEAD_MS = 1000;

/** `drover __complete -- WORDS`: what may stand for the last word, a line for each, "word TAB description". */
export async function complete(
  argv: readonly string[],
  program: Command,
  env: Env,
  terminal: Terminal,
): Promise<void> {
  const words = argv[0] === '--' ? argv.slice(1) : [...argv];
  const current = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  if (before.includes('--')) return;
  const { command, count, pending } = walk(program, before);
  const found =
    pending !== null
      ? (pending.argChoices ?? []).map((choice) => [choice, ''] as const)
      : [
          ...(current.startsWith('-') ? flagsOf(command) : verbsOf(command)),
          ...(await namesFor(command, count, current, env)),
        ];
  for (const [word, text] of found) if (word.startsWith(current)) terminal.out(`${word}\t${oneLine(text)}`);
}

/** The command that the words reach, how many words it was given, and an option that still wants its value. */
function walk(
  program: Command,
  words: readonly string[],
): { command: Command; count: number; pending: Option | null } {
  let command = program;
  let count = 0;
  let pending: Option | null = null;
  for (const word of words) {
    if (pending !== null) {
      pending = null;
      continue;
    }
    if (word.startsWith('-')) {
      const option = command.options.find(({ long, short }) => word === long || word === short);
      pending = option?.required ? option : null;
      continue;
    }
    const next = count === 0 ? command.commands.find((one) => one.name() === word) : undefined;
    if (next === undefined) count++;
    else command = next;
  }
  return { command, count, pending };
}

const verbsOf = (command: Command): (readonly [string, string])[] =>
  command.commands.map((one) => [one.name(), one.description()] as const);

const flagsOf = (command: Command): (readonly [string, string])[] =>
  command.options.map((option) => [option.long ?? option.flags, option.description] as const);

async function namesFor(
  command: Command,
  count: number,
  current: string,
  env: Env,
): Promise<(readonly [string, string])[]> {
  const argument = command.registeredArguments[Math.min(count, command.registeredArguments.length - 1)];
  if (argument === undefined || current.startsWith('-') || (count > 0 && !argument.variadic)) return [];
  const signal = AbortSignal.timeout(HEAD_MS);
  try {
    if (argument.name() === 'shell') return ['bash', 'zsh', 'fish'].map((shell) => [shell, ''] as const);
    if (argument.name() !== 'instance' && argument.name() !== 'worker') return [];
    const client = openClient(await locateHead({}, env), 0);
    if (argument.name() === 'worker') {
      const workers = await client.workers.list({ signal });
      return workers.map((view) => [view.name ?? view.id, `${view.status} ${view.host}`] as const);
    }
    const live = /^(cancel)$/.test(command.name())
      ? (['PENDING', 'ASSIGNED', 'RUNNING', 'UNKNOWN'] as const)
      : undefined;
    const { items } = await client.instances.page({ status: live }, { limit: 100, signal });
    return items.map((view) => [view.name ?? view.id, view.displayStatus] as const);
  } catch {
    return [];
  }
}
