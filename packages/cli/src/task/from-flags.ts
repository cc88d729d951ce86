/** A task from a command line: a file with what the flags say over it, or the words of a command. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Dag, type ResourcesOptions, Task } from '@drover/client';
import type { Call, Env } from '../call.ts';
import { UsageError } from '../errors.ts';

export interface TaskFlags {
  readonly name?: string;
  readonly workdir?: string;
  readonly numNodes?: number;
  readonly env?: readonly string[];
  readonly envFile?: readonly string[];
  readonly secret?: readonly string[];
  readonly infra?: string;
  readonly gpus?: string;
  readonly cpus?: string;
  readonly memory?: string;
  readonly instanceType?: string;
  readonly region?: string;
  readonly zone?: string;
  readonly useSpot?: boolean;
  readonly ports?: readonly string[];
  readonly diskSize?: string;
}

const FILE = /\.ya?ml$/i;

/**
 * @param words a single one that ends in .yaml or names a file is a task file; else a command for the shell
 * @throws {UsageError} @throws {DroverError} INVALID_TASK, INVALID_YAML
 */
export async function taskFromFlags(call: Call, words: readonly string[], flags: TaskFlags): Promise<Task> {
  const env = { ...(await envFiles(flags.envFile ?? [])), ...pairsOf('--env', flags.env ?? [], call.env) };
  const secrets = pairsOf('--secret', flags.secret ?? [], call.env);
  const task = await base(words, env, secrets);
  if (flags.name !== undefined) task.setName(flags.name);
  if (flags.workdir !== undefined) task.setWorkdir(flags.workdir);
  if (flags.numNodes !== undefined) task.setNumNodes(flags.numNodes);
  const override = resourcesOf(flags);
  if (Object.keys(override).length > 0) task.setResourcesOverride(override);
  return task;
}

async function base(
  words: readonly string[],
  env: Record<string, string>,
  secrets: Record<string, string>,
): Promise<Task> {
  const [first = '', ...rest] = words;
  const isFile = rest.length === 0 && (FILE.test(first) || (first.includes('/') && existsSync(first)));
  if (!isFile) return new Task({ run: words.length === 0 ? null : words.join(' '), envs: env, secrets });
  if (!existsSync(first)) throw new UsageError(`there is no task file ${first}`);
  const dag = await Dag.fromYaml(first, { env, secrets });
  const [task, second] = dag.tasks;
  if (task === undefined || second !== undefined)
    throw new UsageError(
      `${first} holds ${dag.tasks.length} tasks: a cluster runs one`,
      'chains are for managed jobs, which are not there yet',
    );
  return task;
}

function resourcesOf(flags: TaskFlags): ResourcesOptions {
  const options: Record<string, unknown> = {
    infra: flags.infra,
    accelerators: flags.gpus,
    cpus: flags.cpus,
    memory: flags.memory,
    instanceType: flags.instanceType,
    region: flags.region,
    zone: flags.zone,
    useSpot: flags.useSpot,
    ports: flags.ports,
    diskSize: flags.diskSize,
  };
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** `KEY=value`, or `KEY` for the value that this shell has. */
function pairsOf(flag: string, texts: readonly string[], env: Env): Record<string, string> {
  const pairs: Record<string, string> = {};
  for (const text of texts) {
    const at = text.indexOf('=');
    const key = at < 0 ? text : text.slice(0, at);
    const value = at < 0 ? env[key] : text.slice(at + 1);
    if (value === undefined)
      throw new UsageError(`${flag} ${key}: this shell has no ${key}`, `say ${key}=value`);
    pairs[key] = value;
  }
  return pairs;
}

async function envFiles(paths: readonly string[]): Promise<Record<string, string>> {
  const pairs: Record<string, string> = {};
  for (const path of paths) {
    const text = await readFile(path, 'utf8').catch((error: Error) => {
      throw new UsageError(`--env-file ${path}: ${error.message}`);
    });
    text.split(/\r?\n/).forEach((raw, at) => {
      const line = raw.trim().replace(/^export\s+/, '');
      if (line === '' || line.startsWith('#')) return;
      const match = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line);
      if (!match) throw new UsageError(`${path}:${at + 1}: expected KEY=value`);
      pairs[match[1] ?? ''] = unquote(match[2] ?? '');
    });
  }
  return pairs;
}

const unquote = (value: string): string => /^(["'])(.*)\1$/.exec(value.trim())?.[2] ?? value.trim();
