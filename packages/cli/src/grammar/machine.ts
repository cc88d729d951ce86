import type { Command } from 'commander';
import { makeCommand, type Run, withHead, withJson } from './build.ts';
import { decimal, duration, size, whole } from './parse.ts';

/** `drover up` and `down`: a herd on this machine. */
export function herdCommands(run: Run): Command[] {
  const up = withJson(makeCommand('up', 'start a head and workers on this machine, in the background'))
    .option('--workers <n>', 'how many workers (default 1, or as many as before)', whole(0, 1000))
    .option('--cpus <n>', 'cores of each worker (default: the machine, shared out)', decimal(true))
    .option('--memory <size>', 'memory of each worker, such as 8GiB', size)
    .option('--gpus <spec>', 'GPUs of each worker: 4, 2xA100:80GB or none')
    .option('--host <address>', 'address that the head is bound to; beyond loopback it speaks TLS')
    .option('--port <n>', 'port of the head, 0 for a free one (default 3768)', whole(0, 65_535));
  up.action(async () => await run(up, async () => (await import('../herd/up.ts')).up));
  const down = withJson(makeCommand('down', 'end the instances, then workers and head of this machine'))
    .option('--grace <duration>', 'from SIGTERM to SIGKILL of the instances (default: their own)', duration)
    .option('--keep-instances', 'end the processes of Drover only; instances go on');
  down.action(async () => await run(down, async () => (await import('../herd/down.ts')).down));
  return [up, down];
}

/** `drover events`, `config`, `version` and `completion`. */
export function otherCommands(run: Run): Command[] {
  const events = withHead(makeCommand('events', 'what happened in the herd since the head started'))
    .option('-f, --follow', 'only what happens from now on, as it happens')
    .option('--after <rev>', 'after this revision', whole(0))
    .option('--noun <noun>', 'only of instances, or of workers')
    .option('--id <id>', 'only of one thing');
  events.action(async () => await run(events, async () => (await import('../event/events.ts')).events));
  const version = withJson(makeCommand('version', 'show the version'));
  version.action(async () => await run(version, async () => (await import('../version/version.ts')).version));
  const completion = makeCommand('completion', 'print the completion script for a shell').argument(
    '<shell>',
    'bash, zsh or fish',
  );
  completion.action(
    async () => await run(completion, async () => (await import('../completion/script.ts')).completion),
  );
  return [events, config(run), version, completion];
}

function config(run: Run): Command {
  const noun = makeCommand('config', 'settings of the client side');
  const show = withHead(makeCommand('show', 'each setting with its value and source'));
  show.action(async () => await run(show, async () => (await import('../config/show.ts')).show));
  const path = makeCommand('path', 'where the configuration file lies');
  path.action(async () => await run(path, async () => (await import('../config/path.ts')).path));
  const use = makeCommand('use-context', 'choose a context').argument(
    '<name>',
    'a context of the file; "" for none',
  );
  use.action(async () => await run(use, async () => (await import('../config/use-context.ts')).useContext));
  const set = makeCommand('set-context', 'add or change a context')
    .argument('<name>', 'its name')
    .option('--url <url>', 'address of the head')
    .option('--token-file <file>', 'file that holds the token')
    .option('--ca <ca>', 'authority to trust: ca_... or a PEM file, which is read now; "" for none')
    .option('--project <name>', 'what its calls are for; "" for none');
  set.action(async () => await run(set, async () => (await import('../config/set-context.ts')).setContext));
  return noun.addCommand(show).addCommand(path).addCommand(use).addCommand(set);
}
