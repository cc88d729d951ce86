/** One task of a file, checked, with its local files still local. */
import { NAME_RULE, parseName } from '../names.ts';
import type { TaskSpec } from '../wire/task.ts';
import { parseVariables, type Variables } from './envs.ts';
import { Field, type FieldWords } from './field.ts';
import { INTERNAL_FIELDS, TASK_FIELDS } from './fields.ts';
import { parseMounts, parseWorkdir } from './mounts.ts';
import { fieldsAt } from './refuse.ts';
import { parseResources } from './resources.ts';

/** A task as a file says it: as it travels, but for its files, which lie on this machine still. */
export interface TaskDraft extends Omit<TaskSpec, 'workdir' | 'fileMounts' | 'run'> {
  readonly run: string | null;
  /** A local folder, relative to where the launch is made. */
  readonly workdir: string | null;
  /** Path on the node to local path. */
  readonly fileMounts: Readonly<Record<string, string>>;
  /** Only with `internalKeys`: local path to its path in what SkyPilot's client has sent. */
  readonly fileMountsMapping: Readonly<Record<string, string>> | null;
}

/** What the launch says; it wins over the file. Null takes away what the file says. */
export interface TaskOverrides {
  readonly name?: string | null | undefined;
  readonly numNodes?: number | undefined;
  readonly workdir?: string | null | undefined;
  readonly envs?: Variables | undefined;
  readonly secrets?: Variables | undefined;
  /** In a file's words: `{cpus: '4+', infra: 'local'}`. They lie over each choice. */
  readonly resources?: Readonly<Record<string, unknown>> | undefined;
}

export interface TaskOptions {
  readonly overrides?: TaskOverrides;
  /** Keys that SkyPilot's own client adds are known. For its adapter. */
  readonly internalKeys?: boolean;
  /** false: `$NAME` in paths stays. */
  readonly expand?: boolean;
  readonly words?: FieldWords;
}

const MAX_NODES = 1000;

/** Reads one task. @throws {DroverError} INVALID_TASK, with field, file, line and column */
export function parseTask(top: Field, options: TaskOptions = {}): TaskDraft {
  const { overrides = {}, internalKeys = false, expand = true, words = 'yaml' } = options;
  const rules = internalKeys ? [...TASK_FIELDS, ...INTERNAL_FIELDS] : TASK_FIELDS;
  const fields = top.isEmpty ? new Map<string, Field>() : fieldsAt(top, '', rules);
  const over = (key: string, value: unknown): Field | undefined =>
    value === undefined ? fields.get(key) : Field.of(value, words, [key]);

  const envs = parseVariables(fields.get('envs'), 'envs', overrides.envs ?? {});
  const secrets = parseVariables(fields.get('secrets'), 'secrets', overrides.secrets ?? {});
  for (const key of Object.keys(secrets)) {
    if (Object.hasOwn(envs, key))
      (fields.get('secrets') ?? top).refuse(`${key} is among envs too`, { withoutValue: true });
  }
  const paths = { envs, secrets, expand };
  const inputs = parseSizes(fields.get('inputs'));
  const outputs = parseSizes(fields.get('outputs'));
  return {
    name: parseTaskName(over('name', overrides.name)),
    setup: fields.get('setup')?.optionalText() ?? null,
    run: fields.get('run')?.optionalText() ?? null,
    envs,
    secrets,
    // What an option says is a path of the shell, which has filled in what it knows.
    workdir: parseWorkdir(over('workdir', overrides.workdir), {
      ...paths,
      expand: expand && overrides.workdir === undefined,
    }),
    fileMounts: parseMounts(fields.get('file_mounts'), paths),
    fileMountsMapping: internalKeys ? parseMapping(fields.get('file_mounts_mapping')) : null,
    numNodes: parseNodes(over('num_nodes', overrides.numNodes)),
    resources: parseResources(fields.get('resources'), {
      internalKeys,
      ...(overrides.resources === undefined
        ? {}
        : { override: Field.of(overrides.resources, words, ['resources']) }),
    }),
    ...(inputs === null ? {} : { inputs }),
    ...(outputs === null ? {} : { outputs }),
  };
}

export function parseTaskName(field: Field | undefined): string | null {
  if (field === undefined || field.isEmpty) return null;
  return parseName(field.text()) ?? field.refuse(NAME_RULE);
}

function parseNodes(field: Field | undefined): number {
  return field === undefined || field.isEmpty ? 1 : field.integer(1, MAX_NODES);
}

/** A place and how many GB are there; recorded, since no infra here charges for transfers. */
function parseSizes(field: Field | undefined): Record<string, number> | null {
  if (field === undefined || field.isEmpty) return null;
  const sizes = [...field.entries()].map(([place, size]) => [place, size.number(0, 1_000_000_000)] as const);
  return Object.fromEntries(sizes);
}

function parseMapping(field: Field | undefined): Record<string, string> | null {
  if (field === undefined || field.isEmpty) return null;
  return Object.fromEntries([...field.entries()].map(([path, stored]) => [path, stored.text()]));
}
