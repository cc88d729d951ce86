import type { ResourcesChoice } from '@drover/core/wire';
import { refused } from './refused.ts';
import type { Resources } from './resources.ts';

/** One; a list: in this order; a set: any of them. */
export type SomeResources = Resources | readonly Resources[] | ReadonlySet<Resources>;

/** As they travel; null when there is none among them. @throws {DroverError} INVALID_TASK */
export function chooseAmong(resources: SomeResources): ResourcesChoice | null {
  if (!isSeveral(resources)) return resources.choice;
  const mode = resources instanceof Set ? 'any_of' : 'ordered';
  const all = [...resources];
  for (const { choice } of all) {
    if (choice.choices.length > 1 && choice.mode !== mode)
      refused('resources.accelerators', 'an order and a free choice cannot be mixed');
  }
  const choices = all.flatMap(({ choice }) => choice.choices);
  return choices.length === 0 ? null : { mode, choices };
}

const isSeveral = (resources: SomeResources): resources is readonly Resources[] | ReadonlySet<Resources> =>
  Symbol.iterator in resources;
