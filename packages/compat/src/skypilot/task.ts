/** The task that a client sends: YAML with a header, whose local paths are looked up in what was uploaded before. */
import { DroverError } from '@drover/core';
import { parseTaskFile, type TaskDraft } from '@drover/core/task';
import type { TaskSpec } from '@drover/core/wire';
import { readYaml } from '@drover/core/yaml';
import type { SkypilotContext } from './context.ts';
import type { Dialect } from './dialect.ts';
import { inOurPlaces } from './places.ts';

/** What the older client sends for every task, whatever its file says. */
const OLD_DISK_GIB = 256;

/** Where the files of a task are. */
export interface Sent {
  readonly user: string;
  /** Null: the client names no blob; then it is what this user has sent last. */
  readonly blob: string | null;
}

/** @throws {DroverError} INVALID_YAML, INVALID_TASK, NOT_SUPPORTED */
export function readTask(context: SkypilotContext, text: string, dialect: Dialect): TaskDraft {
  // The client has filled in the variables of paths already.
  const { tasks } = parseTaskFile(readYaml(text), { internalKeys: true, expand: false });
  const [task, second] = tasks;
  if (task === undefined || second !== undefined)
    throw new DroverError('NOT_SUPPORTED', {
      rule: `${tasks.length} tasks in one file run one after the other as a managed job, and a cluster runs one`,
    });
  const resources = inOurPlaces(task.resources, context.engine.infra.names(), dialect);
  if (dialect === 'now' || resources === null) return { ...task, resources };
  const choices = resources.choices.map((choice) =>
    choice.diskSizeGiB === OLD_DISK_GIB ? { ...choice, diskSizeGiB: null } : choice,
  );
  return { ...task, resources: { ...resources, choices } };
}

/** @param workdirOnly for exec, which lays out nothing else @throws {DroverError} FILES_REFUSED, CONTENT_MISSING */
export async function taskWithFiles(
  context: SkypilotContext,
  draft: TaskDraft,
  sent: Sent,
  workdirOnly: boolean,
): Promise<TaskSpec> {
  const { workdir, fileMounts, fileMountsMapping, ...rest } = draft;
  const treeAt = context.uploads.treesOf(sent.user, sent.blob);
  const treeOf = async (local: string): Promise<string> => {
    const path = fileMountsMapping?.[local];
    if (path === undefined)
      throw new DroverError('FILES_REFUSED', {
        path: local,
        rule: 'the client has not uploaded it: it takes the port of this head for its own server',
      });
    return await treeAt(path);
  };
  const mounts: { target: string; tree: string }[] = [];
  // One after the other: each may hold what an upload has.
  for (const [target, local] of workdirOnly ? [] : Object.entries(fileMounts))
    mounts.push({ target, tree: await treeOf(local) });
  return { ...rest, workdir: workdir === null ? null : await treeOf(workdir), fileMounts: mounts };
}
