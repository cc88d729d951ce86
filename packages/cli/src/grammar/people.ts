import { QUOTA_KEYS, ROLES } from '@drover/core';
import type { Command } from 'commander';
import { makeCommand, type Run, withHead } from './build.ts';
import { choice, tokenLife, whole } from './parse.ts';

/** `drover login`, `logout`, `whoami`, and the nouns `user`, `token`, `project` and `audit`. */
export function peopleCommands(run: Run): Command[] {
  const login = withHead(makeCommand('login', 'keep the way to a head, and choose it'))
    .argument('[url]', 'address of the head (default: the one that is meant now)')
    .option('--name <name>', 'name of the context (default: the host of the address)')
    .option(
      '--token-file <file>',
      'read the token from a file; "-" for standard input (default: ask for it)',
    );
  login.action(async () => await run(login, async () => (await import('../login/login.ts')).login));
  const logout = withHead(
    makeCommand('logout', 'forget the token of a context, and revoke it at the head'),
  ).option('--keep', 'only forget it here; the token stays good');
  logout.action(async () => await run(logout, async () => (await import('../login/logout.ts')).logout));
  const whoami = withHead(makeCommand('whoami', 'who you are for the head, and what you may do'));
  whoami.action(async () => await run(whoami, async () => (await import('../login/whoami.ts')).whoami));
  return [login, logout, whoami, user(run), token(run), project(run), audit(run)];
}

const role = choice(ROLES);
const ROLE_RULE = `${ROLES.join(', ')}`;

function user(run: Run): Command {
  const create = withHead(makeCommand('create', 'make a user, with a first token'))
    .argument('<name>', 'its name')
    .option('--role <role>', `what it may do at most: ${ROLE_RULE} (default: user)`, role)
    .option('--service', 'an account of a program, with nobody behind it')
    .option('--ttl <duration>', 'how long its first token is good, such as 90d (default)', tokenLife)
    .option('--without-token', 'make no token');
  create.action(async () => await run(create, async () => (await import('../user/create.ts')).create));
  const list = withHead(makeCommand('list', 'all users'));
  list.action(async () => await run(list, async () => (await import('../user/list.ts')).list));
  const set = withHead(makeCommand('set-role', 'change what a user may do at most'))
    .argument('<name>', 'its name')
    .argument('<role>', ROLE_RULE, role);
  set.action(async () => await run(set, async () => (await import('../user/change.ts')).setRole));
  const disable = withHead(makeCommand('disable', 'take none of its tokens any more; what it owns stays'));
  disable.argument('<name>', 'its name');
  disable.action(async () => await run(disable, async () => (await import('../user/change.ts')).disable));
  const enable = withHead(makeCommand('enable', 'take its tokens again')).argument('<name>', 'its name');
  enable.action(async () => await run(enable, async () => (await import('../user/change.ts')).enable));
  const remove = withHead(makeCommand('delete', 'delete a user and its tokens; what it made stays'))
    .argument('<name>', 'its name')
    .option('-y, --yes', 'do not ask');
  remove.action(async () => await run(remove, async () => (await import('../user/change.ts')).remove));
  const noun = makeCommand('user', 'who may call the head; for admins');
  for (const verb of [create, list, set, disable, enable, remove]) noun.addCommand(verb);
  return noun;
}

function token(run: Run): Command {
  const create = withHead(makeCommand('create', 'make a token; it is shown this once'))
    .argument('[name]', 'what it is for')
    .option('--user <name>', 'for whom (default: you)')
    .option('--role <role>', `what it may do at most: ${ROLE_RULE}`, role)
    .option('--only-project <name>', 'the only project that it opens')
    .option('--ttl <duration>', 'how long it is good, such as 12h or 90d (default: 90d)', tokenLife)
    .option('--forever', 'until it is revoked');
  create.action(async () => await run(create, async () => (await import('../token/create.ts')).create));
  const list = withHead(makeCommand('list', 'your tokens')).option('-u, --all-users', 'those of all users');
  list.action(async () => await run(list, async () => (await import('../token/list.ts')).list));
  const revoke = withHead(makeCommand('revoke', 'take a token no more; what is open with it ends')).argument(
    '<id...>',
    'its id, or the beginning of it',
  );
  revoke.action(async () => await run(revoke, async () => (await import('../token/revoke.ts')).revoke));
  const noun = makeCommand('token', 'what opens the head for a user');
  for (const verb of [create, list, revoke]) noun.addCommand(verb);
  return noun;
}

/** `--max-gpus 8`, `--max-gpus none`. Not null: commander takes that for no value. */
const limit = (text: string): number | 'none' => (text === 'none' ? text : whole(0, 1_000_000_000)(text));

function withQuotas(command: Command): Command {
  const words = {
    instances: 'instances and nodes',
    gpus: 'GPUs',
    requests: 'open requests',
    logMiB: 'MiB of logs',
  };
  for (const key of QUOTA_KEYS) {
    const flag = key === 'logMiB' ? 'log-mib' : key;
    command.option(`--max-${flag} <n>`, `at most so many ${words[key]} at once; none: no limit`, limit);
  }
  return command;
}

function project(run: Run): Command {
  const create = withQuotas(withHead(makeCommand('create', 'make a project')))
    .argument('<name>', 'its name, which never changes')
    .option('--description <text>', 'what it is for')
    .option('--open', 'for all users; else only for its members');
  create.action(async () => await run(create, async () => (await import('../project/create.ts')).create));
  const list = withHead(makeCommand('list', 'the projects that you may come into'));
  list.action(async () => await run(list, async () => (await import('../project/list.ts')).list));
  const show = withHead(makeCommand('show', 'one project: quotas, what it has of them, members'));
  show.argument('<name>', 'its name');
  show.action(async () => await run(show, async () => (await import('../project/show.ts')).show));
  const set = withQuotas(withHead(makeCommand('set', 'change a project')))
    .argument('<name>', 'its name')
    .option('--description <text>', 'what it is for')
    .option('--open', 'for all users')
    .option('--private', 'only for its members');
  set.action(async () => await run(set, async () => (await import('../project/change.ts')).set));
  const add = withHead(makeCommand('add-member', 'let a user in, or change what it may do there'))
    .argument('<name>', 'the project')
    .argument('<user>', 'the user')
    .option('--role <role>', `what it may do there: ${ROLE_RULE} (default: user)`, role);
  add.action(async () => await run(add, async () => (await import('../project/change.ts')).addMember));
  const drop = withHead(makeCommand('remove-member', 'a user is no member any more'))
    .argument('<name>', 'the project')
    .argument('<user>', 'the user');
  drop.action(async () => await run(drop, async () => (await import('../project/change.ts')).removeMember));
  const remove = withHead(makeCommand('delete', 'delete a project in which nothing is left to end'))
    .argument('<name>', 'its name')
    .option('-y, --yes', 'do not ask');
  remove.action(async () => await run(remove, async () => (await import('../project/change.ts')).remove));
  const noun = makeCommand('project', 'what owns things, who comes in, and how much it may have');
  for (const verb of [create, list, show, set, add, drop, remove]) noun.addCommand(verb);
  return noun;
}

function audit(run: Run): Command {
  const command = withHead(makeCommand('audit', 'what people did, and what was denied to whom; for admins'))
    .option('--actor <name>', 'only what this one did')
    .option('--noun <noun>', 'only of instances, of clusters, of tokens, ...')
    .option('--id <id>', 'only of one thing')
    .option('--of-project <name>', 'only in this project')
    .option('--denied', 'only what was denied')
    .option('-n, --limit <n>', 'at most so many lines (default 50)', whole(1, 100_000));
  command.action(async () => await run(command, async () => (await import('../audit/audit.ts')).audit));
  return command;
}
