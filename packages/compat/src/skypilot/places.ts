/**
 * Places in the clients' words. They know `ssh/<name>` for machines that are no cloud's, so every infra of ours goes by
 * such a name: a pool by its own, `local` as itself, what else there is by kind and name.
 */
import type { ResourcesChoice } from '@drover/core/wire';
import type { Dialect } from './dialect.ts';

/** `ssh/lab`. @param known the names of all infra */
export function placeOf(infra: string, known: readonly string[]): string {
  const [kind = '', ...rest] = infra.split('/');
  const name = rest.join('-');
  if (kind === 'ssh') return infra;
  if (kind === 'local') return 'ssh/local';
  if (kind === 'pool' && !known.includes(`ssh/${name}`) && name !== 'local') return `ssh/${name}`;
  return name === '' ? `ssh/${kind}` : `ssh/${kind}-${name}`;
}

/** The infra that goes by this place; the place itself when none does, so that the error names what was asked. */
export function infraOf(place: string, known: readonly string[]): string {
  return known.find((infra) => placeOf(infra, known) === place) ?? place;
}

/**
 * What a client asks for, in our places. Its `ssh` alone is any of them, and so is the `kubernetes` of the older one,
 * which knows no word for machines of one's own.
 */
export function inOurPlaces(
  resources: ResourcesChoice | null,
  known: readonly string[],
  dialect: Dialect,
): ResourcesChoice | null {
  if (resources === null) return null;
  const choices = resources.choices.map((choice) => {
    const { infra, region } = choice;
    if (infra === null) return choice;
    const isOldWord = dialect === 'old' && infra === 'k8s';
    if (infra === 'ssh' || (isOldWord && region === null)) return { ...choice, infra: null };
    if (isOldWord) return { ...choice, infra: infraOf(`ssh/${region}`, known), region: null };
    return { ...choice, infra: infraOf(infra, known) };
  });
  return { ...resources, choices };
}
