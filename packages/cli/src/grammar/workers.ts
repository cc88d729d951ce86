import { WORKER_STATUSES } from '@drover/core';
import type { Command } from 'commander';
import { makeCommand, type Run, withHead, withJson } from './build.ts';
import { installCommand } from './install.ts';
import { decimal, hosts, networks, size, someTime, whole, word } from './parse.ts';

/** Levels of the process logs. */
const LEVELS = 'silent, error, warn, info or debug';

/** The nouns `worker` and `join-token`. `drover worker` without a verb runs one in the foreground. */
export function workerCommands(run: Run): Command[] {
  return [worker(run), joinToken(run)];
}

function worker(run: Run): Command {
  const command = withHead(
    makeCommand(
      'worker',
      'run a worker in the foreground; with a verb: list, show, delete, revoke or install',
    ),
  )
    .enablePositionalOptions()
    .allowExcessArguments()
    .usage('[options] | list | show | delete | revoke | install')
    .option('--state <dir>', 'state folder; its identity lies there (default: worker below the state folder)')
    .option('--join-token <token>', 'to join with; ignored once there is an identity')
    .option('--name <name>', 'name of the worker')
    .option('--pool <name>', 'pool to join, where no join token is given (default: default)')
    .option('--advertise <host>', 'address under which its instances are reached')
    .option('--cpus <n>', 'cores on offer (default: those of the machine)', decimal(true))
    .option('--memory <size>', 'memory on offer, such as 8GiB', size)
    .option('--disk <size>', 'disk on offer', size)
    .option('--gpus <spec>', 'GPUs on offer: 4, 2xA100:80GB or none')
    .option('--ports <n>', 'how many ports for instances', whole(0, 60_000))
    .option('--overcommit-cpu <factor>', 'offer so many times the cores (default 1)', decimal(true))
    .option('--overcommit-memory <factor>', 'offer so many times the memory (default 1)', decimal(true))
    .option('--clean-env', 'instances inherit only a short list of variables')
    .option('--log-level <level>', LEVELS);
  command.action(async () => await run(command, async () => (await import('../worker/run.ts')).runWorker));
  const list = withHead(makeCommand('list', 'list workers')).option(
    '--status <status>',
    'only these',
    word(WORKER_STATUSES),
  );
  list.action(async () => await run(list, async () => (await import('../worker/list.ts')).list));
  const show = withHead(makeCommand('show', 'show one worker')).argument('<worker>', 'id or name');
  show.action(async () => await run(show, async () => (await import('../worker/show.ts')).show));
  const remove = withHead(makeCommand('delete', 'forget workers that are OFFLINE'))
    .argument('[worker...]', 'ids or names')
    .option('--all-offline', 'all that are OFFLINE')
    .option('-y, --yes', 'do not ask');
  remove.action(async () => await run(remove, async () => (await import('../worker/delete.ts')).remove));
  const revoke = withHead(makeCommand('revoke', 'cut a worker off for good: for a machine in wrong hands'))
    .argument('<worker>', 'id or name')
    .option('-y, --yes', 'do not ask');
  revoke.action(async () => await run(revoke, async () => (await import('../worker/revoke.ts')).revoke));
  const install = installCommand(
    run,
    'worker',
    async () => (await import('../worker/install.ts')).installWorker,
  );
  for (const verb of [list, show, remove, revoke, install]) command.addCommand(verb);
  return command;
}

function joinToken(run: Run): Command {
  const noun = makeCommand('join-token', 'tokens with which workers join');
  const create = withHead(makeCommand('create', 'make a join token'))
    .option('--ttl <duration>', 'how long it is valid (default 1h)', someTime)
    .option('--uses <n>', 'for how many workers (default 1)', whole(1, 100_000))
    .option('--pool <name>', 'pool that its workers belong to (default: default)');
  create.action(async () => await run(create, async () => (await import('../join-token/create.ts')).create));
  const list = withHead(makeCommand('list', 'list join tokens'));
  list.action(async () => await run(list, async () => (await import('../join-token/list.ts')).list));
  const remove = withHead(makeCommand('delete', 'revoke join tokens')).argument('<id...>', 'ids');
  remove.action(async () => await run(remove, async () => (await import('../join-token/delete.ts')).remove));
  return noun.addCommand(create).addCommand(list).addCommand(remove);
}

/** `drover head`, which runs one in the foreground, and what is done to its state. */
export function headCommand(run: Run): Command {
  const command = withJson(
    makeCommand('head', 'run a head in the foreground; with a verb: status, backup, restore or install'),
  )
    .enablePositionalOptions()
    .allowExcessArguments()
    .usage('[options] | status | backup | restore | install')
    .option('--state <dir>', 'state folder (default: head below the state folder)')
    .option('--store <store>', 'sqlite, or postgres://... (default: sqlite in the state folder)')
    .option('--host <address>', 'address to listen on (default 127.0.0.1)')
    .option('--port <n>', 'port to listen on, 0 for a free one (default 3768)', whole(0, 65_535))
    .option('--also-listen <port>', 'a second port on loopback', whole(1, 65_535))
    .option('--tls', 'serve with TLS, by an authority of its own that lies in the state folder')
    .option('--tls-name <name>', 'a further name or address of its certificate (repeatable)', hosts)
    .option(
      '--tls-cert <file>',
      'serve with this certificate instead (PEM, with what lies between it and the authority)',
    )
    .option('--tls-key <file>', 'its key')
    .option(
      '--tls-ca <file>',
      'what workers and clients shall trust for it (default: what their systems trust)',
    )
    .option('--insecure-bind', 'allow an address beyond this machine although there is no TLS')
    .option('--allow-host <name>', 'a further name by which it may be called (repeatable)', hosts)
    .option(
      '--allow-outbound <network>',
      'a network of your own that URLs of users may lead to, such as 10.1.0.0/16 (repeatable)',
      networks,
    )
    .option('--trust-loopback', 'calls from this machine need no token')
    .option('--pylet-accounting <mode>', 'strict or lenient (default strict)', word(['STRICT', 'LENIENT']))
    .option('--ping <duration>', 'how often workers ping', someTime)
    .option('--suspect-after <duration>', 'silence after which a worker is SUSPECT', someTime)
    .option('--offline-after <duration>', 'silence after which a worker is OFFLINE', someTime)
    .option('--ssh-pools <file>', 'pools of ssh hosts (default: ssh_node_pools.yaml in the state folder)')
    .option('--fake-infra <file>', 'fake infra for tests and demonstrations')
    .option(
      '--advertise-url <url>',
      'address of this head for other machines (default: a tunnel to each ssh host)',
    )
    .option(
      '--local-for-users',
      "not only admins may use the infra local, which runs as this user and can read the head's files",
    )
    .option(
      '--unknown-machines <policy>',
      'report (default) or remove machines with the tag of this herd that it does not know',
      word(['REPORT', 'REMOVE']),
    )
    .option('--traces', 'make traces; OTEL_* variables say where they go')
    .option('--log-level <level>', LEVELS);
  command.action(async () => await run(command, async () => (await import('../head/run.ts')).runHead));
  const status = withHead(makeCommand('status', 'show the head that is in use'));
  status.action(async () => await run(status, async () => (await import('../head/status.ts')).status));
  const backup = withJson(makeCommand('backup', 'write the state of a head to a file, while it runs'))
    .argument('<file>', 'the backup to write')
    .option('--state <dir>', 'state folder of the head (default: head below the state folder)')
    .option('--store <store>', 'sqlite, or postgres://... (DROVER_STORE)')
    .option('--with-logs', 'also the archived logs')
    .option('--replace', 'replace a backup of that name');
  backup.action(async () => await run(backup, async () => (await import('../head/backup.ts')).backup));
  const restore = withJson(makeCommand('restore', 'put the state of a backup in place, where no head runs'))
    .argument('<file>', 'the backup to read')
    .option('--state <dir>', 'state folder to restore to (default: head below the state folder)')
    .option('--store <store>', 'sqlite, or postgres://... (DROVER_STORE)')
    .option('--replace', 'set a state that is there aside');
  restore.action(async () => await run(restore, async () => (await import('../head/restore.ts')).restore));
  const install = installCommand(run, 'head', async () => (await import('../head/install.ts')).installHead);
  return command.addCommand(status).addCommand(backup).addCommand(restore).addCommand(install);
}
