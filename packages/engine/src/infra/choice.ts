/** Which infra a request for nodes may use, and what these have to offer. */
import type { ResourcesChoice } from '@drover/core/wire';
import type { InfraService } from './infra-service.ts';
import type { MachineType } from './machine-type.ts';

export interface InfraTypes {
  readonly types: readonly MachineType[];
  /** Infra that is left out, with the reason. */
  readonly closed: readonly string[];
  /** What has to be heard before more can be said, in words; null: nothing. */
  readonly waitsFor: string | null;
}

/** `ssh` names every pool of the kind, `ssh/lab` that one. */
function isNamed(resources: ResourcesChoice | null, name: string): boolean {
  return (resources?.choices ?? []).some(
    ({ infra }) => infra !== null && (infra === name || infra === name.split('/')[0]),
  );
}

const namesNone = (resources: ResourcesChoice | null): boolean =>
  resources === null || resources.choices.some((choice) => choice.infra === null);

/**
 * What there is to choose among. Where no infra is named, one whose machines would have to be brought up first is
 * considered only when it is named.
 * @param forUser somebody who is no admin asks
 */
export function typesFor(
  infras: InfraService,
  resources: ResourcesChoice | null,
  forUser: boolean,
): InfraTypes {
  const types: MachineType[] = [];
  const closed: string[] = [];
  const unheard: string[] = [];
  for (const name of infras.names()) {
    const named = isNamed(resources, name);
    if (!named && !(namesNone(resources) && isOpen(infras, name))) continue;
    const why = forUser ? infras.adminsOnly(name) : null;
    if (why !== null) {
      closed.push(`${name}: ${why}`);
      continue;
    }
    if (!infras.isHeard(name)) unheard.push(name);
    types.push(...infras.types(name));
  }
  const waitsFor = unheard.length > 0 ? `asking ${unheard.join(', ')} what there is` : null;
  return { types, closed, waitsFor };
}

/** Free to use by whoever names nothing: its workers are there, or it makes a machine for each cluster. */
const isOpen = (infras: InfraService, name: string): boolean =>
  name.startsWith('pool/') || infras.sharing(name) === 'dedicated' || infras.isUp(name);

/** Why there is nothing at all to choose among. */
export function whyNone(infras: InfraService, resources: ResourcesChoice | null, forUser: boolean): string {
  const { closed } = typesFor(infras, resources, forUser);
  const all = infras.names();
  const wanted = all.filter((name) => isNamed(resources, name) || namesNone(resources));
  if (wanted.length === 0) {
    const asked = new Set((resources?.choices ?? []).flatMap((choice) => choice.infra ?? []));
    return `there is no ${[...asked].join(' or ')}; known are ${all.join(', ')}`;
  }
  const problems = wanted.flatMap((name) => {
    const problem = infras.problem(name);
    return problem ? [`${name}: ${problem.message}`] : [];
  });
  const reasons = [...problems, ...closed];
  if (reasons.length > 0) return reasons.join('; ');
  return `${wanted.join(', ')} has no worker that keeps homes for nodes; "drover worker" adds one`;
}
