import { type Command, InvalidArgumentError, type Option } from 'commander';
import type { Env } from '../call.ts';
import { UsageError } from '../errors.ts';
import { nearest } from '../values/nearest.ts';
import { type ConfigFile, tableOf } from './file.ts';

/** Found by rules of their own (`findHead`, the state folder), or meaningless as a lasting setting. */
const OWN_RULES = new Set([
  'head',
  'token',
  'ca',
  'context',
  'project',
  'state',
  'help',
  'config',
  'yes',
  'all',
  'allOffline',
]);
/** What says which head is meant, and who calls. */
const OF_CONTEXTS = new Set(['head', 'token', 'ca', 'project']);
/** The processes of Drover: their variables bear no verb. */
const PROCESSES = new Set(['head', 'worker', 'up']);

/** The variable of a flag: `DROVER_PORT` for head, worker and up, `DROVER_SUBMIT_CPUS` and the like for other verbs. */
export function variableOf(command: Command, option: Option): string {
  const flag = option.name().replaceAll('-', '_').toUpperCase();
  if (flag === 'JSON' || (isTopLevel(command) && PROCESSES.has(command.name()))) return `DROVER_${flag}`;
  return ['DROVER', ...pathOf(command), flag].join('_').replaceAll('-', '_').toUpperCase();
}

function pathOf(command: Command): string[] {
  return command.parent === null ? [] : [...pathOf(command.parent), command.name()];
}

/**
 * Fills in what no flag said: from a flag before the verb, the environment, the table of the configuration file that
 * bears the verb's name. Defaults are there already.
 * @throws {UsageError} naming the variable, or the file and key
 */
export function resolveSettings(command: Command, env: Env, file: ConfigFile): void {
  const table = isTopLevel(command) ? tableOf(file, command.name()) : null;
  if (table !== null) checkKeys(command, table, file.path);
  for (const option of command.options) {
    const key = option.attributeName();
    if (command.getOptionValueSource(key) === 'cli') continue;
    const before = valueBeforeVerb(command, key);
    if (before !== undefined) {
      command.setOptionValueWithSource(key, before, 'cli');
      continue;
    }
    if (OWN_RULES.has(key)) continue;
    const variable = variableOf(command, option);
    const given = env[variable];
    if (given !== undefined && given !== '') {
      command.setOptionValueWithSource(key, parseSetting(option, given, variable), 'env');
      continue;
    }
    const stored = table?.[option.name()] ?? table?.[option.name().replaceAll('-', '_')];
    if (stored !== undefined) {
      const place = `${file.path}: ${command.name()}.${option.name()}`;
      const parts = (Array.isArray(stored) ? stored : [stored]).map(String);
      for (const part of parts)
        command.setOptionValueWithSource(
          key,
          parseSetting(option, part, place, command.getOptionValue(key)),
          'config',
        );
    }
  }
}

const isTopLevel = (command: Command): boolean => command.parent !== null && command.parent.parent === null;

/** `drover --json ps` means `drover ps --json`. */
function valueBeforeVerb(command: Command, key: string): unknown {
  for (let parent = command.parent; parent !== null; parent = parent.parent) {
    // A flag of `drover worker` itself is none of `drover worker list`, but for those that all share.
    if (parent.getOptionValueSource(key) === 'cli') return parent.getOptionValue(key);
  }
  return undefined;
}

function checkKeys(command: Command, table: Readonly<Record<string, unknown>>, path: string): void {
  const isKept = (option: Option): boolean => !OWN_RULES.has(option.attributeName());
  const names = command.options.filter(isKept).map((option) => option.name());
  for (const key of Object.keys(table)) {
    const name = key.replaceAll('_', '-');
    if (names.includes(name)) continue;
    if (command.options.some((option) => option.name() === name))
      throw new UsageError(
        `${path}: [${command.name()}] has "${key}", which is not read from there`,
        OF_CONTEXTS.has(name) ? 'contexts say it: "drover config set-context NAME ..."' : undefined,
      );
    const near = nearest(name, names);
    throw new UsageError(
      `${path}: [${command.name()}] has an unknown key "${key}"`,
      near === null ? undefined : `did you mean "${near}"?`,
    );
  }
}

function parseSetting(option: Option, text: string, place: string, previous?: unknown): unknown {
  if (option.isBoolean() || option.negate) {
    const value = BOOLEANS[text.toLowerCase()];
    if (value === undefined)
      throw new UsageError(`${place}: expected true or false, not ${JSON.stringify(text)}`);
    return value;
  }
  if (option.argChoices && !option.argChoices.includes(text)) {
    throw new UsageError(
      `${place}: expected one of ${option.argChoices.join(', ')}, not ${JSON.stringify(text)}`,
    );
  }
  if (option.parseArg === undefined) return text;
  try {
    return option.parseArg(text, previous);
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw new UsageError(`${place}: ${error.message}`);
    throw error;
  }
}

const BOOLEANS: Readonly<Record<string, boolean>> = {
  true: true,
  '1': true,
  yes: true,
  on: true,
  false: false,
  '0': false,
  no: false,
  off: false,
};
