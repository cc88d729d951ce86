import type { Field } from './field.ts';
import { type FieldRule, keysAt, refusalOf } from './fields.ts';

/** Nothing is asked for by null, false, and what is empty. */
function saysNothing(field: Field): boolean {
  const { value } = field;
  if (field.isEmpty || value === false || value === '') return true;
  return typeof value === 'object' && Object.keys(value as object).length === 0;
}

/**
 * The fields of the mapping whose path in the table is `path`. Unknown ones are errors, and so are refused ones that ask
 * for something. @throws {DroverError} INVALID_TASK
 */
export function fieldsAt(field: Field, path: string, rules: readonly FieldRule[]): Map<string, Field> {
  const hints: Record<string, string> = {};
  if (path === '') hints['execution'] = 'it stands in the first document of a file with several';
  const fields = field.known(keysAt(path, rules), hints);
  for (const [key, each] of fields) {
    const why = refusalOf(path === '' ? key : `${path}.${key}`, rules);
    if (why !== null && !saysNothing(each)) each.refuse(why, { withoutValue: true });
  }
  return fields;
}
