/** Tasks as people write them: the parser of task files, and the table of their fields. */
export * from './chain.ts';
export type { Variables } from './envs.ts';
export { Field, type FieldWords } from './field.ts';
export { CHAIN_FIELDS, type FieldRule, INTERNAL_FIELDS, TASK_FIELDS, type Verdict } from './fields.ts';
export * from './resources.ts';
export { parseTask, type TaskDraft, type TaskOptions, type TaskOverrides } from './task.ts';
