import { refused } from './refused.ts';
import { Task } from './task.ts';
import { readTaskFile, readTaskText, type TaskFileOptions } from './task-file.ts';

/** Tasks, and which of them come after which. Only chains can be run. */
export class Dag {
  name: string | null;
  readonly #tasks: Task[] = [];
  readonly #next = new Map<Task, Set<Task>>();

  constructor(name: string | null = null) {
    this.name = name;
  }

  /** The tasks of a file as a chain, in their order. Node, Bun and Deno only; elsewhere use {@link fromYamlText}. */
  static async fromYaml(path: string, options: TaskFileOptions = {}): Promise<Dag> {
    const { name, tasks } = await readTaskFile(path, options);
    return new Dag(name).chain(...tasks.map((draft) => Task.fromDraft(draft)));
  }

  static async fromYamlText(text: string, options: TaskFileOptions = {}): Promise<Dag> {
    const { name, tasks } = await readTaskText(text, options);
    return new Dag(name).chain(...tasks.map((draft) => Task.fromDraft(draft)));
  }

  /** In the order in which they were added. */
  get tasks(): readonly Task[] {
    return [...this.#tasks];
  }

  /** Adds a task that comes after no other yet. */
  add(task: Task): this {
    if (!this.#tasks.includes(task)) this.#tasks.push(task);
    return this;
  }

  /** `after` begins when `before` has ended. Adds both. */
  addEdge(before: Task, after: Task): this {
    if (before === after) refused('dag', 'a task cannot come after itself');
    this.add(before).add(after);
    this.#next.set(before, (this.#next.get(before) ?? new Set()).add(after));
    return this;
  }

  /** Adds these, each after the one before it, and the first after the last that was there. */
  chain(...tasks: readonly Task[]): this {
    let last = this.#tasks.at(-1);
    for (const task of tasks) {
      if (last === undefined) this.add(task);
      else this.addEdge(last, task);
      last = task;
    }
    return this;
  }

  /** One task, or several of which each but the last has exactly one after it. */
  isChain(): boolean {
    return this.#order() !== null;
  }

  /** The tasks in the order of the chain. @throws {DroverError} INVALID_TASK when it is none */
  ordered(): readonly Task[] {
    return this.#order() ?? refused('dag', 'only a chain of tasks can be run');
  }

  #order(): Task[] | null {
    const targets = [...this.#next.values()].flatMap((after) => [...after]);
    const [first, ...others] = this.#tasks.filter((task) => !targets.includes(task));
    if (first === undefined || others.length > 0) return null;
    const order: Task[] = [];
    for (let task: Task | undefined = first; task !== undefined; ) {
      if (order.includes(task)) return null;
      order.push(task);
      const after: readonly Task[] = [...(this.#next.get(task) ?? [])];
      if (after.length > 1) return null;
      task = after[0];
    }
    return order.length === this.#tasks.length ? order : null;
  }
}
