import { Field, parseTask, type TaskDraft } from '@drover/core/task';
import type { ResourcesChoice, TaskSpec } from '@drover/core/wire';
import { refused } from './refused.ts';
import { Resources } from './resources.ts';
import { chooseAmong, type SomeResources } from './some-resources.ts';
import { readTaskFile, readTaskText, type TaskFileOptions } from './task-file.ts';

/** The command of one node: by its rank, and the addresses of all nodes in the order of their ranks. Null: none. */
export type RunFunction = (rank: number, addresses: readonly string[]) => string | null;

/** What a task is made of; null and absent: nothing. */
export interface TaskInit {
  readonly name?: string | null | undefined;
  readonly setup?: string | null | undefined;
  readonly run?: string | RunFunction | null | undefined;
  readonly envs?: Readonly<Record<string, string>> | null | undefined;
  /** As envs, and shown nowhere. */
  readonly secrets?: Readonly<Record<string, string>> | null | undefined;
  /** A local folder. */
  readonly workdir?: string | null | undefined;
  readonly numNodes?: number | null | undefined;
  /** Path on the node to local path. */
  readonly fileMounts?: Readonly<Record<string, string>> | null | undefined;
  readonly resources?: SomeResources | null | undefined;
  /** No machine that one of these describes is chosen. */
  readonly blockedResources?: Iterable<Resources> | null | undefined;
  /** Where data comes from or goes to, and how many GB; recorded. */
  readonly inputs?: Readonly<Record<string, number>> | null | undefined;
  readonly outputs?: Readonly<Record<string, number>> | null | undefined;
  /** Refused: tasks run as processes of the node. */
  readonly dockerImage?: string | null | undefined;
  /** Refused: managed jobs are not there yet. */
  readonly eventCallback?: string | null | undefined;
  /** Refused: internal to the Python client. */
  readonly fileMountsMapping?: Readonly<Record<string, string>> | null | undefined;
}

/** Sends a local file or folder to the head. */
export type SendFiles = (localPath: string) => Promise<{ readonly tree: string }>;

/**
 * What is to be prepared and run. Setters check what they are given at once, and return the task.
 * All of them throw a DroverError INVALID_TASK with `details.field`.
 */
export class Task {
  #draft: TaskDraft;
  #run: RunFunction | null = null;
  #resources: ResourcesChoice | null = null;
  #blocked: readonly Resources[] = [];

  constructor(name?: string | null | TaskInit, more: TaskInit = {}) {
    const init = typeof name === 'object' && name !== null ? { ...name, ...more } : { name, ...more };
    const { dockerImage, eventCallback, fileMountsMapping, blockedResources } = init;
    if (dockerImage != null)
      refused('dockerImage', 'tasks run as processes of the node; containers are not there yet');
    if (eventCallback != null) refused('eventCallback', 'managed jobs are not there yet');
    if (fileMountsMapping != null)
      refused('fileMountsMapping', 'files are sent by the launch, which finds them itself');
    this.#draft = parse({
      name: init.name,
      setup: init.setup,
      envs: init.envs,
      secrets: init.secrets,
      workdir: init.workdir,
      num_nodes: init.numNodes,
      file_mounts: init.fileMounts,
      inputs: init.inputs,
      outputs: init.outputs,
    });
    this.setRun(init.run ?? null);
    if (init.resources != null) this.setResources(init.resources);
    this.#blocked = [...(blockedResources ?? [])];
  }

  /**
   * Reads a task file. Node, Bun and Deno only: elsewhere use {@link fromYamlText}.
   * @throws {DroverError} INVALID_TASK, INVALID_YAML with file, line and column; INVALID_TASK when it holds several tasks
   */
  static async fromYaml(path: string, options: TaskFileOptions = {}): Promise<Task> {
    return Task.#only(await readTaskFile(path, options));
  }

  /** As {@link fromYaml}, of a text. */
  static async fromYamlText(text: string, options: TaskFileOptions = {}): Promise<Task> {
    return Task.#only(await readTaskText(text, options));
  }

  static fromDraft(draft: TaskDraft): Task {
    const task = new Task();
    task.#draft = draft;
    task.#resources = draft.resources;
    return task;
  }

  static #only({ tasks }: { tasks: readonly TaskDraft[] }): Task {
    const [draft, second] = tasks;
    if (draft === undefined || second !== undefined)
      return refused('', 'several tasks: Dag.fromYaml reads them');
    return Task.fromDraft(draft);
  }

  get name(): string | null {
    return this.#draft.name;
  }
  get setup(): string | null {
    return this.#draft.setup;
  }
  get run(): string | RunFunction | null {
    return this.#run ?? this.#draft.run;
  }
  get envs(): Readonly<Record<string, string>> {
    return this.#draft.envs;
  }
  get secrets(): Readonly<Record<string, string>> {
    return this.#draft.secrets;
  }
  get workdir(): string | null {
    return this.#draft.workdir;
  }
  get numNodes(): number {
    return this.#draft.numNodes;
  }
  get fileMounts(): Readonly<Record<string, string>> {
    return this.#draft.fileMounts;
  }
  /** Each choice; empty: the smallest machine that there is. */
  get resources(): readonly Resources[] {
    return (this.#resources?.choices ?? []).map((spec) => Resources.fromSpec(spec));
  }
  /** Whether any of the choices will do, or they are tried in their order. */
  get resourcesMode(): ResourcesChoice['mode'] {
    return this.#resources?.mode ?? 'any_of';
  }
  get blockedResources(): readonly Resources[] {
    return this.#blocked;
  }

  setName(name: string | null): this {
    return this.#set('name', name);
  }
  setSetup(setup: string | null): this {
    return this.#set('setup', setup);
  }
  /** A function is called once the nodes are known, where the launch is made. */
  setRun(run: string | RunFunction | null): this {
    this.#run = typeof run === 'function' ? run : null;
    return this.#set('run', typeof run === 'function' ? null : run);
  }
  setNumNodes(numNodes: number): this {
    return this.#set('num_nodes', numNodes);
  }
  setWorkdir(workdir: string | null): this {
    return this.#set('workdir', workdir);
  }
  setEnvs(envs: Readonly<Record<string, string>> | null): this {
    return this.#set('envs', envs);
  }
  updateEnvs(envs: Readonly<Record<string, string>>): this {
    return this.#set('envs', { ...this.envs, ...envs });
  }
  setSecrets(secrets: Readonly<Record<string, string>> | null): this {
    return this.#set('secrets', secrets);
  }
  updateSecrets(secrets: Readonly<Record<string, string>>): this {
    return this.#set('secrets', { ...this.secrets, ...secrets });
  }
  setFileMounts(fileMounts: Readonly<Record<string, string>> | null): this {
    return this.#set('file_mounts', fileMounts);
  }
  updateFileMounts(fileMounts: Readonly<Record<string, string>>): this {
    return this.#set('file_mounts', { ...this.fileMounts, ...fileMounts });
  }
  /** Refused, unless it asks for nothing: storage is not there yet. */
  setStorageMounts(storageMounts: Readonly<Record<string, unknown>> | null): this {
    return this.updateStorageMounts(storageMounts ?? {});
  }
  updateStorageMounts(storageMounts: Readonly<Record<string, unknown>>): this {
    const [target] = Object.keys(storageMounts);
    if (target !== undefined)
      refused(
        `storageMounts.${target}`,
        'buckets and storage are not there yet: copy a local file or folder instead',
      );
    return this;
  }

  /** One; a list: the first that can be had; a set: any of them, the best by cost or time. */
  setResources(resources: SomeResources): this {
    this.#resources = chooseAmong(resources);
    return this;
  }
  /** Lays these over each choice. */
  setResourcesOverride(override: ConstructorParameters<typeof Resources>[0]): this {
    const now = this.resources.length === 0 ? [new Resources()] : this.resources;
    const changed = now.map((each) => each.copy(override));
    return this.setResources(this.resourcesMode === 'ordered' ? changed : new Set(changed));
  }

  /**
   * The command of each rank, null where nothing runs.
   * @param addresses of the nodes, in the order of their ranks
   */
  runFor(addresses: readonly string[], numNodes: number = addresses.length): (string | null)[] {
    return Array.from({ length: numNodes }, (_, rank) => {
      if (this.#run === null) return this.#draft.run;
      const command: unknown = this.#run(rank, addresses);
      if (command !== null && command !== undefined && typeof command !== 'string')
        refused('run', `the function gave no text for rank ${rank}`);
      return typeof command === 'string' && command.trim() !== '' ? command : null;
    });
  }

  /**
   * The task as it travels. Its files are sent first, each local path once.
   * @param addresses of the nodes, for a `run` that is a function; without them such a task has no command yet
   */
  async toSpec(send: SendFiles, { addresses }: { addresses?: readonly string[] } = {}): Promise<TaskSpec> {
    const { fileMounts, fileMountsMapping: _, workdir, ...rest } = this.#draft;
    const trees = new Map<string, string>();
    for (const path of new Set([...(workdir === null ? [] : [workdir]), ...Object.values(fileMounts)])) {
      trees.set(path, (await send(path)).tree);
    }
    const treeOf = (path: string) => trees.get(path) ?? '';
    return {
      ...rest,
      run:
        this.#run === null
          ? rest.run
          : addresses === undefined
            ? null
            : this.runFor(addresses, this.numNodes),
      workdir: workdir === null ? null : treeOf(workdir),
      fileMounts: Object.entries(fileMounts).map(([target, path]) => ({ target, tree: treeOf(path) })),
      resources: this.#resources,
      ...(this.#blocked.length === 0
        ? {}
        : { blockedResources: this.#blocked.flatMap(({ choice }) => choice.choices) }),
    };
  }

  #set(key: string, value: unknown): this {
    const { fileMounts, numNodes, fileMountsMapping: _, resources: __, ...rest } = this.#draft;
    this.#draft = parse({ ...rest, num_nodes: numNodes, file_mounts: fileMounts, [key]: value });
    return this;
  }
}

/** Paths are as they stand: whoever writes a program fills in variables. */
function parse(fields: Record<string, unknown>): TaskDraft {
  const said = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  return parseTask(Field.of(said, 'sdk'), { expand: false, words: 'sdk' });
}
