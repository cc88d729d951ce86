/** `drover head install` and `drover worker install`: a systemd unit with the flags that were given after `--`. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Call, Env } from '../call.ts';
import { Failure, UsageError } from '../errors.ts';
import { checkHeadFlags, type HeadFlags } from '../head/run.ts';
import { printJson, wantsJson } from '../output.ts';
import { hasPassword, hasUserInfo } from '../settings/secret.ts';
import { stateRoot } from '../settings/state.ts';
import { quote } from '../text/shell.ts';
import { checkWorkerFlags, type WorkerFlags } from '../worker/run.ts';
import { environmentLine } from './quote.ts';
import { renderUnit, SYSTEM_STATE, type Unit } from './unit.ts';

type Noun = Unit['noun'];

interface Flags {
  readonly user?: boolean;
  readonly runAs?: string;
  readonly print?: boolean;
  readonly force?: boolean;
  readonly saveEnv?: boolean;
  readonly dir?: string;
}

/** What must not stand in the list of processes, and the variables that carry it instead. */
const SECRETS: Record<Noun, readonly string[]> = {
  head: ['DROVER_STORE'],
  worker: ['DROVER_JOIN_TOKEN', 'DROVER_TOKEN'],
};

/** What the flags after `--` say. */
interface Given extends HeadFlags, WorkerFlags {}

/** Writes the unit, or shows it. @throws {UsageError}, {Failure} */
export async function install(call: Call, noun: Noun): Promise<number> {
  const flags = call.command.opts<Flags>();
  const { env, args, terminal } = call;
  const program = call.command.parent as Command;
  const given = readFlags(program, noun, args);
  const scope = flags.user ? 'user' : 'system';
  if (flags.user && flags.runAs !== undefined)
    throw new UsageError('a unit of a user runs as that user: leave out --run-as');
  const places = placesOf(flags, noun, env);
  const root = given.state === undefined ? (flags.user ? stateRoot(env) : rootOf(env)) : null;
  const unit: Unit = {
    noun,
    scope,
    command: [process.execPath, ...process.execArgv, resolve(process.argv[1] ?? ''), noun, ...args],
    state: root === null ? (given.state as string) : join(root, noun),
    stateRoot: root,
    environmentFile: places.environmentFile,
    runAs: flags.runAs ?? null,
  };
  const text = renderUnit(unit);
  if (flags.print) {
    terminal.out(text.trimEnd());
    return 0;
  }
  if (scope === 'system' && flags.dir === undefined && process.getuid?.() !== 0)
    throw new UsageError(
      'a unit of the machine needs root',
      'run it with sudo, or say --user for a unit of your own, or --print to see it',
    );
  const secrets = flags.saveEnv ? savedEnvironment(noun, env) : null;
  mkdirSync(places.folder, { recursive: true });
  write(places.unit, text, 0o644, flags.force ?? false);
  if (secrets !== null) {
    mkdirSync(join(places.environmentFile, '..'), { recursive: true });
    write(places.environmentFile, secrets, 0o600, flags.force ?? false);
  }
  // Mounted into its sandbox, so it has to be there and its own; of its default systemd takes care.
  const isOurs = scope === 'system' && root !== SYSTEM_STATE && flags.dir === undefined;
  if (isOurs && flags.runAs === undefined) mkdirSync(unit.state, { recursive: true, mode: 0o700 });
  const prepare =
    isOurs && flags.runAs !== undefined && !existsSync(unit.state)
      ? [`install -d -m 0700 -o ${quote(flags.runAs)} ${quote(unit.state)}`]
      : [];
  tellNext(call, noun, places, { user: flags.user ?? false, root: root ?? unit.state, prepare });
  return 0;
}

const rootOf = (env: Env): string => (env.DROVER_STATE ? resolve(env.DROVER_STATE) : SYSTEM_STATE);

/** Checks the flags as the program itself will. @throws {UsageError} */
function readFlags(program: Command, noun: Noun, args: readonly string[]): Given {
  const early = program.options.find(
    (option) => program.getOptionValueSource(option.attributeName()) === 'cli' && option.long !== '--json',
  );
  if (early)
    throw new UsageError(
      `${early.long} stands before install`,
      `put it after --: drover ${noun} install -- ...`,
    );
  const { operands, unknown } = program.parseOptions([...args]);
  const stray = operands[0] ?? unknown[0];
  if (stray !== undefined)
    throw new UsageError(
      `'${stray}' is no flag of "drover ${noun}"`,
      `"drover ${noun} --help" shows those there are`,
    );
  for (const option of program.options) {
    const value: unknown = program.getOptionValue(option.attributeName());
    const isPath =
      /<(file|dir|folder)>/.test(option.flags) || (option.long === '--ca' && !/^ca_/.test(`${value}`));
    if (isPath && typeof value === 'string' && !isAbsolute(value))
      throw new UsageError(`${option.long} ${value}: a unit starts in another folder; give the whole path`);
  }
  const given = program.opts<Given>();
  refuseSecrets(noun, given);
  if (noun === 'head') checkHeadFlags(given);
  else checkWorkerFlags(given);
  if (noun === 'worker' && given.head === undefined)
    throw new UsageError(
      'say where the head is',
      'drover worker install -- --head http://HEAD:3768; what a shell knows of it a unit does not',
    );
  return given;
}

/** @throws {UsageError} without the secret */
function refuseSecrets(noun: Noun, given: Given): void {
  const advice = (variable: string): string =>
    `anybody on the machine could read it; set ${variable} and say --save-env, which keeps it in a file of mode 0600`;
  if (given.joinToken !== undefined)
    throw new UsageError(
      '--join-token must not stand in a unit',
      `join once by hand (drover ${noun} --join-token ...), after which none is needed; or ${advice('DROVER_JOIN_TOKEN').replace('anybody on the machine could read it; ', '')}`,
    );
  if (given.token !== undefined)
    throw new UsageError('--token must not stand in a unit', advice('DROVER_TOKEN'));
  if (given.store !== undefined && hasPassword(given.store))
    throw new UsageError('--store with a password must not stand in a unit', advice('DROVER_STORE'));
  if (given.head !== undefined && hasUserInfo(given.head))
    throw new UsageError('--head with a token must not stand in a unit', advice('DROVER_TOKEN'));
}

interface Places {
  readonly folder: string;
  readonly unit: string;
  readonly environmentFile: string;
}

function placesOf({ dir, user }: Flags, noun: Noun, env: Env): Places {
  const name = `drover-${noun}.service`;
  if (dir !== undefined) {
    const folder = resolve(dir);
    return { folder, unit: join(folder, name), environmentFile: join(folder, `drover-${noun}.env`) };
  }
  if (!user)
    return {
      folder: '/etc/systemd/system',
      unit: join('/etc/systemd/system', name),
      environmentFile: `/etc/drover/${noun}.env`,
    };
  const config = env.XDG_CONFIG_HOME || join(env.HOME || homedir(), '.config');
  const folder = join(config, 'systemd/user');
  return { folder, unit: join(folder, name), environmentFile: join(config, 'drover', `${noun}.env`) };
}

function savedEnvironment(noun: Noun, env: Env): string {
  const lines = SECRETS[noun].flatMap((name) => {
    const value = env[name];
    return value ? [environmentLine(name, value)] : [];
  });
  if (lines.length === 0) throw new UsageError(`--save-env: set ${SECRETS[noun].join(' or ')} first`);
  return `${lines.join('\n')}\n`;
}

/** Whole or not at all. @throws {Failure} when another text is there */
function write(file: string, text: string, mode: number, force: boolean): void {
  if (!force && existsSync(file) && readFileSync(file, 'utf8') !== text)
    throw new Failure(`${file} is there already, with another text`, { hint: '--force overwrites it' });
  const beside = `${file}.${process.pid}`;
  writeFileSync(beside, text, { mode, flag: 'wx' });
  renameSync(beside, file);
}

function tellNext(
  call: Call,
  noun: Noun,
  places: Places,
  {
    user,
    root,
    prepare,
  }: { readonly user: boolean; readonly root: string; readonly prepare: readonly string[] },
): void {
  const systemctl = user ? 'systemctl --user' : 'systemctl';
  const next = [
    ...prepare,
    `${systemctl} daemon-reload`,
    `${systemctl} enable --now drover-${noun}`,
    ...(noun === 'head' && !user ? [`DROVER_STATE=${quote(root)} drover head status`] : []),
    `journalctl ${user ? '--user ' : ''}-u drover-${noun} -f`,
    ...(user ? ['loginctl enable-linger'] : []),
  ];
  if (wantsJson(call)) {
    printJson(call, { unit: places.unit, environmentFile: places.environmentFile, next });
    return;
  }
  call.terminal.out(`wrote ${quote(places.unit)}; next:`);
  for (const line of next) call.terminal.out(`  ${line}`);
  if (noun === 'worker' && !existsSync(places.environmentFile))
    call.terminal.say(
      `drover: a worker that has not joined yet needs a token: write DROVER_JOIN_TOKEN=... to ${places.environmentFile} (mode 0600)`,
    );
}
