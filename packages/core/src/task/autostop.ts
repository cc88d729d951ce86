import type { AutostopSpec } from '../wire/task.ts';
import { parseMinutes } from './amounts.ts';
import type { Field } from './field.ts';
import { TASK_FIELDS } from './fields.ts';
import { fieldsAt } from './refuse.ts';

/** What `autostop: true` means. */
const IDLE_MINUTES = 5;

/** Null: the cluster stays until somebody ends it. A negative time says so too. */
export function parseAutostop(field: Field | undefined): AutostopSpec | null {
  if (field === undefined || field.isEmpty || field.value === false) return null;
  const { value } = field;
  if (value === true) return spec(IDLE_MINUTES);
  if (typeof value !== 'object') return isNegative(field) ? null : spec(parseMinutes(field));
  const fields = fieldsAt(field, 'resources.autostop', TASK_FIELDS);
  const said = (key: string) => (fields.get(key)?.isEmpty === false ? fields.get(key) : undefined);
  const down = said('down')?.boolean() ?? false;
  const minutes = said('idle_minutes');
  const waitFor = said('wait_for')?.word(['jobs_and_ssh', 'jobs', 'none']) ?? 'jobs';
  if (minutes === undefined) return { idleMinutes: down ? 0 : IDLE_MINUTES, down, waitFor };
  return isNegative(minutes) ? null : { idleMinutes: parseMinutes(minutes), down, waitFor };
}

const spec = (idleMinutes: number): AutostopSpec => ({ idleMinutes, down: false, waitFor: 'jobs' });
const isNegative = (field: Field): boolean =>
  typeof field.value === 'number' ? field.value < 0 : /^\s*-\d/.test(String(field.value));
