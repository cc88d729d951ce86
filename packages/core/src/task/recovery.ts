import type { ResourcesSpec } from '../wire/task.ts';
import type { Field } from './field.ts';
import { TASK_FIELDS } from './fields.ts';
import { fieldsAt } from './refuse.ts';

type JobRecovery = NonNullable<ResourcesSpec['jobRecovery']>;

/** Kept as given; `none` is the usual strategy. */
export function parseRecovery(field: Field | undefined): JobRecovery | null {
  if (field === undefined || field.isEmpty) return null;
  if (typeof field.value === 'string') {
    return { strategy: strategyOf(field), maxRestartsOnErrors: 0, recoverOnExitCodes: [] };
  }
  const fields = fieldsAt(field, 'resources.job_recovery', TASK_FIELDS);
  const said = (key: string) => (fields.get(key)?.isEmpty === false ? fields.get(key) : undefined);
  const strategy = said('strategy');
  return {
    strategy: strategy === undefined ? null : strategyOf(strategy),
    maxRestartsOnErrors: said('max_restarts_on_errors')?.integer(0, 1_000_000) ?? 0,
    recoverOnExitCodes: exitCodes(said('recover_on_exit_codes')),
  };
}

function strategyOf(field: Field): string | null {
  const word = field.word(['eager_next_region', 'failover', 'none']);
  return word === 'none' ? null : word.toUpperCase();
}

function exitCodes(field: Field | undefined): number[] {
  if (field === undefined) return [];
  const codes = (Array.isArray(field.value) ? field.items() : [field]).map((each) => each.integer(0, 255));
  return new Set(codes).size === codes.length ? codes : field.refuse('no code twice');
}
