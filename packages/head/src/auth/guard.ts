/** Who calls, and whether they may. Every route names what it needs; a route that names nothing needs an admin. */
import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { DroverError, isAtLeast, isPlainName, lesserRole, type Role } from '@drover/core';
import {
  type Actor,
  type Bearer,
  BUILTIN_ADMIN,
  DEFAULT_PROJECT,
  type Engine,
  workerActor,
} from '@drover/engine';
import { realRandom } from '../os/clock.ts';
import { isLoopback, tokenOf } from './credentials.ts';

/** none: open to all. join: the route checks a join token itself. */
export type Access = Role | 'worker' | 'join' | 'none';

/** Who was let in. `bearer` is null for the head's own token, for workers, and for routes that are open. */
export interface Caller {
  readonly actor: Actor;
  readonly bearer: Bearer | null;
  /** For counting calls: the same for all that come with one token, or from one address with none. */
  readonly key: string;
}

export interface Guard {
  /** Who it is, before anything is judged but that. @throws {DroverError} UNAUTHENTICATED */
  identify(request: IncomingMessage, access: Access, requestId: string): Caller;
  /** Whether that one may. @returns the caller within its project. @throws {DroverError} FORBIDDEN, PROJECT_NOT_FOUND */
  admit(request: IncomingMessage, caller: Caller, access: Access): Caller;
  /** The worker whose identity this is. @throws {DroverError} UNAUTHENTICATED */
  worker(request: IncomingMessage): string;
}

/** Several people may share the head's own token: who of them it is, they say. Names what they own, and gives no right. */
function userClaim(request: IncomingMessage): Pick<Actor, 'user'> {
  const name = request.headers['drover-user'];
  if (typeof name !== 'string' || !/^[\w.@+-]{1,64}$/.test(name)) return {};
  return { user: { id: name, name } };
}

/** Of a call that nobody is known to have made. */
export const NOBODY: Actor = { kind: 'system', name: 'nobody', project: DEFAULT_PROJECT };

export function makeGuard(
  engine: Engine,
  adminToken: string,
  options: { readonly trustLoopback: boolean },
): Guard {
  const adminDigest = Buffer.from(realRandom.digest(adminToken), 'hex');
  const isAdmin = (digest: string): boolean => timingSafeEqual(Buffer.from(digest, 'hex'), adminDigest);

  const worker = (request: IncomingMessage): string => {
    const workerId = engine.workers.identities.authenticate(tokenOf(request) ?? '');
    if (workerId === null) throw new DroverError('UNAUTHENTICATED');
    return workerId;
  };

  return {
    worker,
    identify(request, access, requestId) {
      const source = request.socket.remoteAddress;
      const common = { requestId, ...(source !== undefined && { source }) };
      if (access === 'none' || access === 'join')
        return { actor: { ...NOBODY, ...common }, bearer: null, key: strangerKey(request) };
      const token = tokenOf(request);
      if (token === null) {
        if (access === 'worker' || !options.trustLoopback || !isLoopback(source))
          throw new DroverError('UNAUTHENTICATED');
        return { actor: adminActor(request, common), bearer: null, key: 'this machine' };
      }
      const digest = realRandom.digest(token);
      if (isAdmin(digest)) return { actor: adminActor(request, common), bearer: null, key: BUILTIN_ADMIN };
      const bearer = engine.tokens.authenticate(digest);
      if (bearer) {
        const { id, name } = bearer.user;
        const actor: Actor = {
          kind: 'person',
          name,
          project: DEFAULT_PROJECT,
          user: { id, name },
          ...common,
        };
        return { actor, bearer, key: `token ${bearer.token.id}` };
      }
      const workerId = engine.workers.identities.authenticate(token);
      if (workerId === null) throw new DroverError('UNAUTHENTICATED');
      return { actor: { ...workerActor(workerId), ...common }, bearer: null, key: `worker ${workerId}` };
    },

    admit(request, caller, access) {
      const { actor, bearer } = caller;
      if (access === 'none' || access === 'join') return caller;
      if (access === 'worker') {
        if (actor.kind !== 'worker') throw new DroverError('FORBIDDEN', {}, { message: FOR_WORKERS });
        return caller;
      }
      if (actor.kind !== 'person') throw new DroverError('FORBIDDEN', {}, { message: NOT_FOR_WORKERS });
      const { project, role } = placeOf(engine, bearer, projectAsked(request));
      const admitted: Caller = { ...caller, actor: { ...actor, project, role } };
      if (!isAtLeast(role, access))
        throw new DroverError(
          'FORBIDDEN',
          { needed: access, role, project },
          { message: `this needs the role ${access}; ${actor.name} is ${role} in project ${project}` },
        );
      return admitted;
    },
  };
}

/** For counting the calls of whoever brings nothing that is known. */
export const strangerKey = (request: IncomingMessage): string =>
  `address ${request.socket.remoteAddress ?? ''}`;

const FOR_WORKERS = 'this is for workers, each with its own identity';
const NOT_FOR_WORKERS = 'the identity of a worker may not do that';

const adminActor = (request: IncomingMessage, common: Pick<Actor, 'requestId' | 'source'>): Actor => ({
  kind: 'person',
  name: BUILTIN_ADMIN,
  project: DEFAULT_PROJECT,
  ...common,
  ...userClaim(request),
});

/** @throws {DroverError} PROJECT_NOT_FOUND for what can be no name */
function projectAsked(request: IncomingMessage): string | null {
  const name = request.headers['drover-project'];
  if (name === undefined || name === '') return null;
  if (typeof name !== 'string' || !isPlainName(name))
    throw new DroverError('PROJECT_NOT_FOUND', { ref: String(name).slice(0, 64) });
  return name;
}

/** The project that the call is for, and what its bearer may do there. @throws {DroverError} PROJECT_NOT_FOUND */
function placeOf(
  engine: Engine,
  bearer: Bearer | null,
  asked: string | null,
): { project: string; role: Role } {
  if (bearer === null) {
    const project = asked ?? DEFAULT_PROJECT;
    engine.projects.get(project);
    return { project, role: 'admin' };
  }
  const { user, token } = bearer;
  if (token.scope !== null && asked !== null && asked !== token.scope)
    throw new DroverError('PROJECT_NOT_FOUND', { ref: asked });
  const project = token.scope ?? asked ?? DEFAULT_PROJECT;
  const role = lesserRole(engine.projects.enter(user, project), token.role ?? 'admin');
  // What is lent for one project does not reach what belongs to the herd.
  return { project, role: token.scope === null ? role : lesserRole(role, 'user') };
}
