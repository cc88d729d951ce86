import { DroverError } from '@drover/core';

/** @throws {DroverError} INVALID_TASK, always */
export function refused(field: string, rule: string): never {
  const message = field === '' ? `the task: ${rule}` : `the task: ${field}: ${rule}`;
  throw new DroverError(
    'INVALID_TASK',
    { where: 'the task', field, rule, file: null, line: null, column: null },
    { message },
  );
}
