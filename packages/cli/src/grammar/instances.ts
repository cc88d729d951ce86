import { INSTANCE_STATUSES, WORKER_LOST_POLICIES } from '@drover/core';
import { type Command, Option } from 'commander';
import { makeCommand, type Run, withHead } from './build.ts';
import {
  bytes,
  choice,
  decimal,
  duration,
  indices,
  pairs,
  size,
  texts,
  whole,
  word,
  words,
} from './parse.ts';

/** Verbs for instances that have a short form: `drover submit`, and the same below `drover instance`. */
const SHARED: readonly ((run: Run, name: string) => Command)[] = [submit, logs, cancel, explain];

/** `drover submit`, `ps`, `logs`, `cancel`, `explain`, and the noun `instance`. */
export function instanceCommands(run: Run): Command[] {
  const noun = makeCommand('instance', 'instances: one command each, with its log and exit code');
  noun.addCommand(list(run, 'list'));
  for (const verb of SHARED) noun.addCommand(verb(run, verb.name));
  noun.addCommand(show(run)).addCommand(remove(run)).addCommand(replace(run)).addCommand(forget(run));
  return [
    submit(run, 'submit'),
    list(run, 'ps'),
    logs(run, 'logs'),
    cancel(run, 'cancel'),
    explain(run, 'explain'),
    noun,
  ];
}

function submit(run: Run, name: string): Command {
  const command = withHead(
    makeCommand(name, 'submit a command: one word is a shell line, several run without a shell'),
  )
    .argument('[command...]', 'the command; put -- before it when it has options of its own')
    .option('--name <name>', 'name of the instance')
    .option('-c, --config <file>', 'job file, TOML or YAML; flags go before it')
    .option('--cpus <n>', 'cores, such as 2 or 0.5 (default 1)', decimal())
    .option('--memory <size>', 'memory, such as 512MiB or 8GiB (default 512MiB)', size)
    .option('--disk <size>', 'disk (default 0)', size)
    .option('--gpus <n>', 'how many GPUs (default 0)', whole(0, 1024))
    .option('--gpu-indices <list>', 'these GPUs of the target worker, such as 0,1', indices)
    .addOption(new Option('--shared', 'share the GPUs with others').conflicts('exclusive'))
    .addOption(new Option('--exclusive', 'have the GPUs alone (default)').conflicts('shared'))
    .option('--target-worker <ref>', 'run on this worker only')
    .option('--label <k=v>', 'label, repeatable', pairs)
    .option('--env <k=v>', 'variable, repeatable; KEY alone takes it from the environment here', texts)
    // Not --env-file: some Node versions take that for themselves, wherever it stands.
    .option('--env-from <file>', 'variables from a file of KEY=VALUE lines, repeatable', texts)
    .option('--venv <dir>', 'Python virtual environment to activate')
    .option('--workdir <dir>', 'working directory (default: a folder of its own)')
    .option('--priority <n>', 'higher goes first (default 0)', whole(-1_000_000, 1_000_000))
    .option('--grace <duration>', 'from SIGTERM to SIGKILL when cancelled (default 30s)', duration)
    .option('--log-cap <size>', 'newest part of the log that is kept (default 256MiB)', size)
    .option(
      '--on-worker-lost <policy>',
      'wait for its worker (default), replace it elsewhere, or stop it there',
      choice(WORKER_LOST_POLICIES),
    )
    .option('--lost-after <duration>', 'silence after which to replace or stop (default 60s)', duration)
    .option('--wait', 'wait for the end and exit with its code')
    .option('-f, --follow', 'show the log as it grows, then exit with its code');
  return command.action(
    async () => await run(command, async () => (await import('../instance/submit.ts')).submit),
  );
}

function list(run: Run, name: string): Command {
  const command = withHead(
    makeCommand(name, 'list instances; those that have not ended unless told otherwise'),
  )
    .option('-a, --all', 'also those that have ended')
    .option('--status <status>', 'only these, repeatable', words(INSTANCE_STATUSES))
    .option('--label <k=v>', 'only with this label, repeatable', pairs)
    .option('--name <name>', 'only with this name')
    .option('--limit <n>', 'at most so many, newest first', whole(1, 1_000_000));
  return command.action(
    async () => await run(command, async () => (await import('../instance/list.ts')).list),
  );
}

function logs(run: Run, name: string): Command {
  const command = withHead(makeCommand(name, 'print the log of an instance'))
    .argument('<instance>', 'id, name, or the beginning of an id')
    .option('-f, --follow', 'go on until the instance has ended')
    .addOption(new Option('--tail <bytes>', 'only the last so many').argParser(bytes).conflicts('offset'))
    .option('--offset <n>', 'start at this byte', whole(0))
    .option('--attempt <n>', 'of this attempt (default: the newest)', whole(1, 1_000_000));
  return command.action(
    async () => await run(command, async () => (await import('../instance/logs.ts')).logs),
  );
}

function cancel(run: Run, name: string): Command {
  const command = withHead(makeCommand(name, 'end instances: SIGTERM, then SIGKILL after the grace period'))
    .argument('<instance...>', 'ids or names')
    .option('--grace <duration>', 'from SIGTERM to SIGKILL, this once', duration)
    .option('--wait', 'wait until they have ended');
  return command.action(
    async () => await run(command, async () => (await import('../instance/cancel.ts')).cancel),
  );
}

function explain(run: Run, name: string): Command {
  const command = withHead(makeCommand(name, 'say why an instance waits, or how it ended')).argument(
    '<instance>',
    'id or name',
  );
  return command.action(
    async () => await run(command, async () => (await import('../instance/explain.ts')).explain),
  );
}

function show(run: Run): Command {
  const command = withHead(makeCommand('show', 'show one instance')).argument('<instance>', 'id or name');
  return command.action(
    async () => await run(command, async () => (await import('../instance/show.ts')).show),
  );
}

function remove(run: Run): Command {
  const command = withHead(makeCommand('delete', 'delete instances; what runs is cancelled first'))
    .argument('[instance...]', 'ids or names')
    .option('--all', 'all of them')
    .option('--status <status>', 'with --all: only those of this status', word(INSTANCE_STATUSES))
    .option('-y, --yes', 'do not ask');
  return command.action(
    async () => await run(command, async () => (await import('../instance/delete.ts')).remove),
  );
}

function replace(run: Run): Command {
  const command = withHead(
    makeCommand('replace', 'run UNKNOWN instances again, each as a new attempt'),
  ).argument('<instance...>', 'ids or names');
  return command.action(
    async () => await run(command, async () => (await import('../instance/replace.ts')).replace),
  );
}

function forget(run: Run): Command {
  const command = withHead(
    makeCommand('forget', 'give up on UNKNOWN instances: they become FAILED'),
  ).argument('<instance...>', 'ids or names');
  return command.action(
    async () => await run(command, async () => (await import('../instance/forget.ts')).forget),
  );
}
