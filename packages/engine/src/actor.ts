import type { Role } from '@drover/core';

/** Who does something. Every call and every row's history carries one. */
export interface Actor {
  readonly kind: 'person' | 'worker' | 'system';
  readonly name: string;
  /** The project that the call is for: what it finds, makes and changes. */
  readonly project: string;
  /** What it may do in that project. Absent: what is no person's call, and is judged by what it is. */
  readonly role?: Role;
  /** Id of the request that this came from, for the events' `cause`. */
  readonly requestId?: string;
  /** The W3C trace context of the call, where the head makes traces. */
  readonly traceparent?: string;
  /** The address that the call came from. */
  readonly source?: string;
  /** The person for whom the call is made, where that is not its bearer: clients of a shared token say who they are. */
  readonly user?: { readonly id: string; readonly name: string };
}

/** Who asked for it, for what people own. */
export const userOf = (actor: Actor): { readonly id: string; readonly name: string } =>
  actor.user ?? { id: actor.name, name: actor.name };

export const DEFAULT_PROJECT = 'default';

/** The engine itself: scheduler, liveness, retention. */
export const SYSTEM: Actor = { kind: 'system', name: 'system', project: DEFAULT_PROJECT };

export const workerActor = (workerId: string): Actor => ({
  kind: 'worker',
  name: `worker/${workerId}`,
  project: DEFAULT_PROJECT,
});
