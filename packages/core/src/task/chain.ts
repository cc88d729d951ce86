/** A task file: one task, or several that run one after the other. */
import type { PlainDocument } from '../document.ts';
import { Field } from './field.ts';
import { CHAIN_FIELDS, keysAt } from './fields.ts';
import { fieldsAt } from './refuse.ts';
import { parseTask, parseTaskName, type TaskDraft, type TaskOptions } from './task.ts';

export interface TaskFile {
  /** Of the chain; of a single task its own. */
  readonly name: string | null;
  /** In the order in which they run; at least one. */
  readonly tasks: readonly TaskDraft[];
}

const MAX_TASKS = 100;

/**
 * Reads the documents of a task file. Empty ones are left out; of a file with nothing in it a bare task remains. The
 * first of several is a header when it has nothing but `name` and `execution`.
 * @throws {DroverError} INVALID_TASK
 */
export function parseTaskFile(documents: readonly PlainDocument[], options: TaskOptions = {}): TaskFile {
  const { words = 'yaml', overrides = {} } = options;
  const tops = documents.map((document) => new Field(document, words));
  for (const top of tops) checkIsMapping(top);
  const said = tops.filter((top) => !top.isEmpty);
  const [first, ...rest] = said;
  if (first === undefined) return single(parseTask(tops[0] ?? Field.of({}, words), options));
  if (rest.length === 0) return single(parseTask(first, options));
  const header = isHeader(first) ? readHeader(first) : null;
  const name = overrides.name === undefined ? header?.get('name') : Field.of(overrides.name, words, ['name']);
  const tasks = header === null ? said : rest;
  if (tasks.length > MAX_TASKS) first.refuse(`at most ${MAX_TASKS} tasks`, { withoutValue: true });
  // The name that a launch gives is that of the chain, or of its only task.
  const { name: _, ...perTask } = overrides;
  const only = tasks.length === 1 ? overrides : perTask;
  return {
    name: parseTaskName(name),
    tasks: tasks.map((task) => parseTask(task, { ...options, overrides: only })),
  };
}

/** `parallel` first: the other fields come with it. */
function readHeader(top: Field): Map<string, Field> {
  const execution = top.entries().get('execution');
  if (execution?.isEmpty === false && execution.word(['serial', 'parallel']) === 'parallel') {
    execution.refuse('tasks do not run beside each other yet: serial only', { withoutValue: true });
  }
  return fieldsAt(top, '', CHAIN_FIELDS);
}

const single = (task: TaskDraft): TaskFile => ({ name: task.name, tasks: [task] });

function isHeader(top: Field): boolean {
  const keys = [...top.entries().keys()];
  return keys.includes('name') && keys.every((key) => keysAt('', CHAIN_FIELDS).includes(key));
}

function checkIsMapping(top: Field): void {
  if (top.isEmpty || (typeof top.value === 'object' && !Array.isArray(top.value))) return;
  top.refuse('a task is a mapping, such as "run: echo hello"', { withoutValue: true });
}
