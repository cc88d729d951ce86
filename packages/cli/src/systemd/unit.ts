/** The text of the units that `drover head install` and `drover worker install` write. */
import { plainPath, quoteArgument, quoteWord } from './quote.ts';

export interface Unit {
  readonly noun: 'head' | 'worker';
  /** Of the machine, or of one user on it. */
  readonly scope: 'system' | 'user';
  /** The program and its arguments. */
  readonly command: readonly string[];
  /** Where its state lies. */
  readonly state: string;
  /** The root of the state folders, where no flag of the command names the state; else null. */
  readonly stateRoot: string | null;
  readonly environmentFile: string;
  /** Null: whoever systemd runs it as. */
  readonly runAs: string | null;
}

/** Where a system unit keeps state when nothing is said; systemd makes it. */
export const SYSTEM_STATE = '/var/lib/drover';

/** @throws {UsageError} when something cannot stand in a unit */
export function renderUnit(unit: Unit): string {
  const { noun, scope } = unit;
  const system = scope === 'system';
  return [
    `# Written by "drover ${noun} install"; the same command with --force writes it anew.`,
    '[Unit]',
    `Description=Drover ${noun}`,
    ...(system ? ['After=network-online.target', 'Wants=network-online.target'] : []),
    '# It is started again for as long as the machine runs, however often it ends.',
    'StartLimitIntervalSec=0',
    '',
    '[Service]',
    `ExecStart=${unit.command.map(quoteArgument).join(' ')}`,
    ...stateOf(unit),
    '# Tokens and passwords stand there (mode 0600), never in this file and never in the list of processes.',
    `EnvironmentFile=-${plainPath(unit.environmentFile)}`,
    ...(unit.runAs === null ? [] : [`User=${quoteWord(unit.runAs)}`]),
    'Restart=always',
    'RestartSec=2',
    'TimeoutStopSec=20',
    ...(noun === 'head' ? forHead(unit) : FOR_WORKER),
    '',
    '[Install]',
    `WantedBy=${system ? 'multi-user.target' : 'default.target'}`,
    '',
  ].join('\n');
}

function stateOf({ scope, stateRoot }: Unit): string[] {
  if (stateRoot === null) return [];
  const lines = [`Environment=${quoteWord(`DROVER_STATE=${stateRoot}`)}`];
  if (scope === 'system' && stateRoot === SYSTEM_STATE)
    lines.push('StateDirectory=drover', 'StateDirectoryMode=0700');
  return lines;
}

function forHead({ scope, state, stateRoot }: Unit): string[] {
  const lines = [
    '# Only the head itself is stopped: instances go on, also those of workers that it has started on this machine.',
    'KillMode=process',
    'NoNewPrivileges=yes',
    'UMask=0077',
    'LimitNOFILE=65536',
  ];
  // A manager of a user can do the rest only with namespaces of users, which many machines forbid.
  if (scope === 'user') return lines;
  lines.push(
    '# The machine is read-only for it but for its state. Workers of the infra "local" would be shut in with it:',
    '# run "drover worker install" for the workers of this machine.',
    'ProtectSystem=strict',
  );
  if (stateRoot !== SYSTEM_STATE) lines.push(`ReadWritePaths=${quoteWord(state)}`);
  lines.push('PrivateTmp=yes');
  return lines;
}

const FOR_WORKER = [
  '# Instances outlive their worker: a restart or an upgrade of it must not end them. So only the worker itself is',
  '# stopped, and the next one takes up what it finds. To end the instances first: drover cancel.',
  'KillMode=process',
  '# It keeps a group of its own for each instance.',
  'Delegate=yes',
  '# An instance that runs out of memory ends alone.',
  'OOMPolicy=continue',
  'TasksMax=infinity',
  '# No sandbox and no limits here: instances would inherit them.',
];
