/**
 * Infra whose machines are the head's own, as its user: whoever runs something there may read what the head has. It is
 * for admins, unless the operator says otherwise.
 */
import { DroverError } from '@drover/core';
import type { ResourcesChoice } from '@drover/core/wire';
import type { Actor } from '../actor.ts';
import type { InfraService } from '../infra/infra-service.ts';
import type { ClusterRow } from './row.ts';

/** Whether somebody who is no admin asks. What is no person's call is judged by what it is. */
export const isUser = ({ role }: Actor): boolean => role === 'user' || role === 'viewer';

/**
 * Nobody but admins puts something on a cluster that stands there, or can stand nowhere else.
 * @throws {DroverError} FORBIDDEN
 */
export function assertMayRun(
  infra: InfraService,
  actor: Actor,
  { candidate, resources }: Pick<ClusterRow, 'candidate' | 'resources'>,
): void {
  if (!isUser(actor)) return;
  const why = candidate === null ? whyNowhere(infra, resources) : infra.adminsOnly(candidate.machine.infra);
  if (why !== null) throw new DroverError('FORBIDDEN', {}, { message: why });
}

/** Why none of the choices is open to users; null: one may be. */
function whyNowhere(infra: InfraService, resources: ResourcesChoice | null): string | null {
  const choices = resources?.choices ?? [];
  const reasons = choices.map((choice) => (choice.infra === null ? null : infra.adminsOnly(choice.infra)));
  return reasons.every((reason) => reason !== null) ? (reasons[0] ?? null) : null;
}
