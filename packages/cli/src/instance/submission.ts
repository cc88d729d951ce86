import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { InstanceSubmitInput } from '@drover/client';
import type { WorkerLostPolicy } from '@drover/core';
import type { Env } from '../call.ts';
import { UsageError } from '../errors.ts';
import { BadEnvLine, parseEnvFile, parsePair } from '../values/pairs.ts';

/** The flags of `drover submit` that shape the instance, already parsed. */
export interface SubmitFlags {
  readonly name?: string;
  readonly config?: string;
  readonly cpus?: number;
  /** MiB. */
  readonly memory?: number;
  /** MiB. */
  readonly disk?: number;
  readonly gpus?: number;
  readonly gpuIndices?: number[];
  readonly shared?: boolean;
  readonly exclusive?: boolean;
  readonly targetWorker?: string;
  readonly label?: Readonly<Record<string, string>>;
  /** `KEY=VALUE`, or `KEY` alone. */
  readonly env?: readonly string[];
  readonly envFrom?: readonly string[];
  readonly venv?: string;
  readonly workdir?: string;
  readonly priority?: number;
  /** Milliseconds. */
  readonly grace?: number;
  /** MiB. */
  readonly logCap?: number;
  readonly onWorkerLost?: WorkerLostPolicy;
  /** Milliseconds. */
  readonly lostAfter?: number;
}

/**
 * What is submitted: the job file, and over it the flags.
 * @throws {UsageError} without a command, and for files and variables that are not there
 */
export async function buildSubmission(
  words: readonly string[],
  argv: readonly string[],
  flags: SubmitFlags,
  env: Env,
): Promise<InstanceSubmitInput> {
  const job: Partial<InstanceSubmitInput> =
    flags.config === undefined ? {} : await (await import('./job-file.ts')).readJobFile(flags.config);
  const command = commandOf(words, argv) ?? job.command;
  if (command === undefined) {
    throw new UsageError(
      'there is no command',
      "such as: drover submit 'echo hello', or: drover submit -- python train.py --epochs 3",
    );
  }
  checkGpus(flags);
  const gpus = flags.gpuIndices !== undefined ? {} : given({ gpus: flags.gpus });
  const resources = {
    ...withoutGpus(job.resources, flags.gpuIndices !== undefined),
    ...given({ cpu: flags.cpus, memoryMiB: flags.memory, diskMiB: flags.disk }),
    ...gpus,
  };
  // A count asked for on the command line replaces the indices of the file.
  const { gpuIndices, ...rest } = job;
  const indices = flags.gpuIndices ?? (flags.gpus === undefined ? gpuIndices : undefined);
  return {
    ...rest,
    command,
    resources,
    ...given({ gpuIndices: indices }),
    ...given({
      name: flags.name,
      exclusive: flags.shared ? false : flags.exclusive,
      targetWorker: flags.targetWorker,
      venv: flags.venv === undefined ? undefined : resolve(flags.venv),
      workdir: flags.workdir === undefined ? undefined : resolve(flags.workdir),
      priority: flags.priority,
      graceMs: flags.grace,
      logCapMiB: flags.logCap,
      onWorkerLost: flags.onWorkerLost,
      lostAfterMs: flags.lostAfter,
    }),
    labels: { ...job.labels, ...flags.label },
    env: { ...job.env, ...(await envFiles(flags.envFrom ?? [])), ...variables(flags.env ?? [], env) },
  };
}

/** One word is a line for a shell; several, or whatever stands after `--`, run without one. */
export function commandOf(words: readonly string[], argv: readonly string[]): string | string[] | undefined {
  const [first] = words;
  if (first === undefined) return undefined;
  const mark = argv.indexOf('--');
  const isList = words.length > 1 || (mark >= 0 && argv.length - mark - 1 === words.length);
  return isList ? [...words] : first;
}

function checkGpus({ gpus, gpuIndices }: SubmitFlags): void {
  if (gpuIndices === undefined || gpus === undefined || gpus === gpuIndices.length) return;
  throw new UsageError(
    `--gpus ${gpus} and --gpu-indices with ${gpuIndices.length} of them contradict each other`,
  );
}

function withoutGpus(
  resources: InstanceSubmitInput['resources'],
  drop: boolean,
): NonNullable<InstanceSubmitInput['resources']> {
  const { gpus, ...rest } = resources ?? {};
  return drop || gpus === undefined ? rest : { ...rest, gpus };
}

async function envFiles(paths: readonly string[]): Promise<Record<string, string>> {
  const env: Record<string, string> = {};
  for (const path of paths) {
    try {
      Object.assign(env, parseEnvFile(await readFile(path, 'utf8')));
    } catch (error) {
      if (error instanceof BadEnvLine) throw new UsageError(`${path}: ${error.message}`);
      throw new UsageError(`--env-from: ${error instanceof Error ? error.message : error}`);
    }
  }
  return env;
}

function variables(given: readonly string[], env: Env): Record<string, string> {
  return Object.fromEntries(
    given.map((text) => {
      const pair = parsePair(text);
      if (pair !== null) return pair;
      const value = env[text];
      if (value !== undefined && text !== '') return [text, value];
      throw new UsageError(
        `--env ${text}: there is no such variable here`,
        'say KEY=VALUE, or set it before',
      );
    }),
  );
}

/** The entries that have a value. */
function given<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
