import { readFile } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import type { InstanceSubmitInput } from '@drover/client';
import { parseName, WORKER_LOST_POLICIES } from '@drover/core';
import { UsageError } from '../errors.ts';
import { JobReader } from './job-reader.ts';
import { parseJobText } from './job-text.ts';

/** What a job file says: the body of a submit, the command perhaps missing. */
export type Job = Partial<InstanceSubmitInput>;

const TOP = [
  'command',
  'name',
  'resources',
  'env',
  'labels',
  'venv',
  'workdir',
  'priority',
  'grace',
  'log_cap',
  'on_worker_lost',
  'lost_after',
];
const RESOURCES = ['cpus', 'gpus', 'memory', 'disk', 'gpu_indices', 'exclusive', 'target_worker'];

/** Reads a job file, TOML or (by its extension .yaml or .yml) YAML. @throws {UsageError} with file and line */
export async function readJobFile(path: string): Promise<Job> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new UsageError(`--config: ${error instanceof Error ? error.message : error}`);
  }
  return parseJob(text, path);
}

/** Every field of the file reaches the head, or is refused here. @throws {UsageError} */
export function parseJob(text: string, path: string): Job {
  const { values, lineOf } = parseJobText(text, path);
  const file = new JobReader(path, lineOf, [], values);
  file.allow(TOP);
  const resources = file.table('resources');
  resources?.allow(RESOURCES);
  const gpus = resources?.whole('gpus');
  const indices = resources?.indices('gpu_indices');
  if (gpus !== undefined && gpus > 0 && indices !== undefined) {
    throw new UsageError(`${path}: resources has both gpus and gpu_indices`, 'indices already say how many');
  }
  const amounts = dropUndefined({
    cpu: resources?.number('cpus'),
    memoryMiB: resources?.size('memory'),
    diskMiB: resources?.size('disk'),
    gpus: indices === undefined ? gpus : undefined,
  });
  return dropUndefined({
    command: file.command('command'),
    name: file.text('name') ?? stemOf(path),
    resources: Object.keys(amounts).length === 0 ? undefined : amounts,
    gpuIndices: indices,
    exclusive: resources?.boolean('exclusive'),
    targetWorker: resources?.text('target_worker'),
    env: file.table('env')?.texts(),
    labels: file.table('labels')?.texts(),
    venv: file.text('venv'),
    workdir: file.text('workdir'),
    priority: file.whole('priority', true),
    graceMs: file.duration('grace'),
    logCapMiB: file.size('log_cap'),
    onWorkerLost: file.choice('on_worker_lost', WORKER_LOST_POLICIES),
    lostAfterMs: file.duration('lost_after'),
  });
}

/** The file's name without extension, where that can be a name. */
function stemOf(path: string): string | undefined {
  return parseName(basename(path, extname(path))) ?? undefined;
}

function dropUndefined<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
