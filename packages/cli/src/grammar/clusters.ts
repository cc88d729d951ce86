import type { Command } from 'commander';
import { makeCommand, type Run, withHead } from './build.ts';
import { choice, decimal, texts, whole } from './parse.ts';

/** The daily verbs of clusters, and the nouns `cluster`, `job` and `request`. */
export function clusterCommands(run: Run): Command[] {
  return [
    launch(run),
    exec(run),
    status(run, 'status'),
    cluster(run),
    job(run),
    request(run),
    costReport(run),
  ];
}

/** What a task is made of, where no file says it; with a file it wins over what that says. */
function withTask(command: Command): Command {
  return command
    .option('-n, --name <name>', 'name of the job')
    .option('--workdir <folder>', 'folder that is laid out at ~/workdir')
    .option('--num-nodes <n>', 'on so many nodes', whole(1, 1000))
    .option('--env <key[=value]>', 'variable; without a value that of this shell', texts)
    .option('--env-file <file>', 'file of KEY=VALUE lines', texts)
    .option('--secret <key[=value]>', 'as --env, and shown nowhere', texts)
    .option('--infra <infra>', 'pool/<name>, local, ssh/<pool>, fake/<name>, or only the kind')
    .option('--gpus <spec>', 'GPUs of each node, such as H100 or A100:8')
    .option('--cpus <n>', 'cores of each node: 4, or 4+ for at least 4')
    .option('--memory <n>', 'GiB of each node: 16, 16+')
    .option('-t, --instance-type <type>', 'machine type')
    .option('--region <region>', 'region')
    .option('--zone <zone>', 'zone')
    .option('--use-spot', 'spot machines')
    .option('--ports <ports>', 'ports that the task serves on', texts)
    .option('--disk-size <n>', 'GiB of disk');
}

const withYes = (command: Command): Command => command.option('-y, --yes', 'do not ask');
const withAsync = (command: Command): Command =>
  command.option('--async', 'print the id of the request, and leave it to the head');

function launch(run: Run): Command {
  const command = withAsync(
    withYes(
      withTask(withHead(makeCommand('launch', 'launch a task: nodes, files, setup, then the job')))
        .argument('[task...]', 'a task file, or the words of a command')
        .option('-c, --cluster <name>', 'cluster to use or make (default: a new one)')
        .option('-i, --idle-minutes-to-autostop <n>', 'stop it after so many idle minutes', decimal())
        .option('--down', 'tear it down when its jobs have ended, or after the idle minutes')
        .option('-r, --retry-until-up', 'wait for nodes instead of giving up')
        .option('--dryrun', 'show what would be chosen, and stop')
        .option('--no-setup', 'leave setup out')
        .option('--fast', 'on a cluster that is UP: leave nodes and setup as they are')
        .option('--optimize <target>', 'cost (default) or time', choice(['cost', 'time']))
        .option('-d, --detach-run', 'do not follow the job'),
    ),
  );
  return command.action(
    async () => await run(command, async () => (await import('../cluster/launch.ts')).launch),
  );
}

function exec(run: Run): Command {
  const command = withAsync(
    withTask(
      withHead(makeCommand('exec', 'run a task on a cluster that is UP: working directory and job only')),
    )
      .argument('<cluster>', 'name')
      .argument('<task...>', 'a task file, or the words of a command')
      .option('--down', 'tear it down when its jobs have ended')
      .option('--dryrun', 'check, and stop')
      .option('-d, --detach-run', 'do not follow the job'),
  );
  return command.action(
    async () => await run(command, async () => (await import('../cluster/exec.ts')).exec),
  );
}

function status(run: Run, name: string): Command {
  const command = withHead(makeCommand(name, 'list clusters'))
    .argument('[cluster...]', 'names or patterns such as train-*')
    .option('-r, --refresh', 'ask their infra first')
    .option('-u, --all-users', 'those of all users')
    .option('--ip', 'print the addresses of the nodes of one cluster');
  return command.action(
    async () => await run(command, async () => (await import('../cluster/list.ts')).list),
  );
}

function ending(run: Run, name: 'stop' | 'down', words: string): Command {
  const command = withAsync(
    withYes(
      withHead(makeCommand(name, words))
        .argument('[cluster...]', 'names or patterns such as train-*')
        .option('-a, --all', 'all of them')
        .option('-p, --purge', 'take it off the books also where it cannot be reached'),
    ),
  );
  return command.action(
    async () => await run(command, async () => (await import('../cluster/change.ts'))[name]),
  );
}

function cluster(run: Run): Command {
  const noun = makeCommand('cluster', 'nodes with a queue of jobs');
  const show = withHead(makeCommand('show', 'show one cluster')).argument('<cluster>', 'name');
  show.action(async () => await run(show, async () => (await import('../cluster/show.ts')).show));
  const start = withAsync(
    withHead(makeCommand('start', 'start clusters again where they were'))
      .argument('[cluster...]', 'names or patterns')
      .option('-a, --all', 'all of them')
      .option('-i, --idle-minutes-to-autostop <n>', 'stop after so many idle minutes', decimal())
      .option('--down', 'with -i: tear down instead')
      .option('-r, --retry-until-up', 'wait for the nodes instead of giving up')
      .option('-f, --force', 'also one that is UP'),
  );
  start.action(async () => await run(start, async () => (await import('../cluster/change.ts')).start));
  const autostop = withHead(makeCommand('autostop', 'stop or tear down clusters when they are idle'))
    .argument('[cluster...]', 'names or patterns')
    .option('-a, --all', 'all of them')
    .option('-i, --idle-minutes <n>', 'idle minutes (default 5)', decimal())
    .option('--down', 'tear down instead')
    .option('--cancel', 'cancel what is set')
    .option(
      '--wait-for <what>',
      'jobs (default), or none: a timer that no job resets',
      choice(['jobs', 'none']),
    );
  autostop.action(
    async () => await run(autostop, async () => (await import('../cluster/autostop.ts')).autostop),
  );
  const ssh = withHead(
    makeCommand(
      'ssh-config',
      'write entries for the nodes to the ssh configuration, so that "ssh <cluster>" works',
    ),
  )
    .argument('[cluster...]', 'names or patterns (default: all)')
    .option('--print', 'print them instead');
  ssh.action(async () => await run(ssh, async () => (await import('../cluster/ssh-config.ts')).sshConfig));
  return noun
    .addCommand(status(run, 'list'))
    .addCommand(show)
    .addCommand(ending(run, 'stop', 'stop clusters; the homes of their nodes stay'))
    .addCommand(start)
    .addCommand(ending(run, 'down', 'tear clusters down: nothing of them is left'))
    .addCommand(autostop)
    .addCommand(ssh);
}

function costReport(run: Run): Command {
  const cost = withHead(makeCommand('cost-report', 'what clusters have cost')).option(
    '--days <n>',
    'of so many days (default 30; 0: all that is kept)',
    whole(0, 3650),
  );
  return cost.action(
    async () => await run(cost, async () => (await import('../cluster/cost-report.ts')).costReport),
  );
}

function job(run: Run): Command {
  const noun = makeCommand('job', 'jobs of a cluster');
  const list = withHead(makeCommand('list', 'the queue of a cluster'))
    .argument('[cluster...]', 'names (default: all that are UP)')
    .option('-s, --skip-finished', 'only those that have not ended')
    .option('-u, --all-users', 'those of all users');
  list.action(async () => await run(list, async () => (await import('../job/list.ts')).list));
  const logs = withHead(makeCommand('logs', 'the output of a job; the exit code is the job’s'))
    .argument('<cluster>', 'name')
    .argument('[job]', 'number (default: the newest)')
    .option('--no-follow', 'only what there is')
    .option('--tail <lines>', 'only the last lines', whole(0))
    .option('--status', 'print nothing but how it stands')
    .option('-s, --sync-down', 'write it to a folder instead')
    .option('-o, --output <folder>', 'with --sync-down: the folder (default: the present one)');
  logs.action(async () => await run(logs, async () => (await import('../job/logs.ts')).logs));
  const cancel = withYes(
    withHead(makeCommand('cancel', 'end jobs: by number, all, or the newest'))
      .argument('<cluster>', 'name')
      .argument('[job...]', 'numbers')
      .option('-a, --all', 'all of yours')
      .option('-u, --all-users', 'all of everybody'),
  );
  cancel.action(async () => await run(cancel, async () => (await import('../job/cancel.ts')).cancel));
  return noun.addCommand(list).addCommand(logs).addCommand(cancel);
}

function request(run: Run): Command {
  const noun = makeCommand('request', 'long operations, and what they say');
  const list = withHead(makeCommand('list', 'requests under way')).option(
    '-a, --all',
    'those that have ended too',
  );
  list.action(async () => await run(list, async () => (await import('../request/list.ts')).list));
  const show = withHead(makeCommand('show', 'show one request')).argument(
    '[request]',
    'id (default: the newest)',
  );
  show.action(async () => await run(show, async () => (await import('../request/show.ts')).show));
  const logs = withHead(makeCommand('logs', 'follow a request; its failure is the exit code'))
    .argument('[request]', 'id (default: the newest)')
    .option('--no-follow', 'only what there is')
    .option('--tail <lines>', 'only the last lines', whole(0));
  logs.action(async () => await run(logs, async () => (await import('../request/logs.ts')).logs));
  const cancel = withHead(makeCommand('cancel', 'cancel requests and what they ask for'))
    .argument('[request...]', 'ids')
    .option('-a, --all', 'all of yours')
    .option('-u, --all-users', 'all of everybody')
    .option('-y, --yes', 'do not ask');
  cancel.action(async () => await run(cancel, async () => (await import('../request/cancel.ts')).cancel));
  return noun.addCommand(list).addCommand(show).addCommand(logs).addCommand(cancel);
}
