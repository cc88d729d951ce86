/** Who calls, and whether they may. Every route names what it needs; a route that names nothing needs an admin. */
import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { DroverError, isAtLeast, isPlainName, lesserRole, networkOf, type Role } from '@drover/core';
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

/** none: open to all. join, code: the route checks a join token, or the code of a login, itself. */
export type Access = Role | 'worker' | 'join' | 'code' | 'none';

/** Routes that let everybody in and check by themselves what was brought. */
const checksItself = (access: Access): access is 'none' | 'join' | 'code' =>
  access === 'none' || access === 'join' || access === 'code';

/** Who was let in. `bearer` is null for the head's own token, for workers, and for routes that are open. */
export interface Caller {
  readonly actor: Actor;
  readonly bearer: Bearer | null;
  /** For counting calls: the same for all tokens of one user, and for all from one network that bring none. */
  readonly key: string;
}

export interface Guard {
  /** Who it is, before anything is judged but that. @throws {DroverError} UNAUTHENTICATED */
  identify(request: IncomingMessage, access: Access, requestId: string): Caller;
  /** Whether that one may. @returns the caller within its project. @throws {DroverError} FORBIDDEN, PROJECT_NOT_FOUND */
  admit(request: IncomingMessage, caller: Caller, access: Access): Caller;
  /** The same caller in another of its projects, by the same rules. @throws {DroverError} FORBIDDEN, PROJECT_NOT_FOUND */
  within(caller: Pick<Caller, 'actor' | 'bearer'>, project: string, needed: Role): Actor;
  /** That the caller may so much in one of its projects at least. @throws {DroverError} FORBIDDEN */
  somewhere(caller: Pick<Caller, 'actor' | 'bearer'>, needed: Role): void;
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
      if (checksItself(access))
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
        return { actor, bearer, key: `user ${bearer.user.id}` };
      }
      const workerId = engine.workers.identities.authenticate(token);
      if (workerId === null) throw new DroverError('UNAUTHENTICATED');
      return { actor: { ...workerActor(workerId), ...common }, bearer: null, key: `worker ${workerId}` };
    },

    admit(request, caller, access) {
      const { actor, bearer } = caller;
      if (checksItself(access)) return caller;
      if (access === 'worker') {
        if (actor.kind !== 'worker') throw new DroverError('FORBIDDEN', {}, { message: FOR_WORKERS });
        return caller;
      }
      if (actor.kind !== 'person') throw new DroverError('FORBIDDEN', {}, { message: NOT_FOR_WORKERS });
      const place = placeOf(engine, bearer, projectAsked(request));
      return { ...caller, actor: inPlace(actor, place, access) };
    },

    within({ actor, bearer }, project, needed) {
      return inPlace(actor, placeOf(engine, bearer, nameOf(project)), needed);
    },

    somewhere({ actor, bearer }, needed) {
      if (projectsOf(engine, bearer).some(({ role }) => isAtLeast(role, needed))) return;
      const { name, role, project } = actor;
      const message = `this needs the role ${needed}; ${name} is ${role} in project ${project}, and no more in any other`;
      throw new DroverError('FORBIDDEN', { needed, role, project }, { message });
    },
  };
}

/** For counting the calls of whoever brings nothing that is known: by the network that one customer of a provider has. */
export const strangerKey = (request: IncomingMessage): string =>
  `address ${networkOf(request.socket.remoteAddress ?? '')}`;

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
  return name === undefined || name === '' ? null : nameOf(name);
}

function nameOf(name: unknown): string {
  if (typeof name === 'string' && isPlainName(name)) return name;
  throw new DroverError('PROJECT_NOT_FOUND', { ref: String(name).slice(0, 64) });
}

/** @throws {DroverError} FORBIDDEN */
function inPlace(actor: Actor, { project, role }: Place, needed: Role): Actor {
  if (isAtLeast(role, needed)) return { ...actor, project, role };
  throw new DroverError(
    'FORBIDDEN',
    { needed, role, project },
    { message: `this needs the role ${needed}; ${actor.name} is ${role} in project ${project}` },
  );
}

/** Where a call is, and what it may do there. */
export interface Place {
  readonly project: string;
  readonly role: Role;
}

/** The project that the call is for, and what its bearer may do there. @throws {DroverError} PROJECT_NOT_FOUND */
export function placeOf(engine: Engine, bearer: Bearer | null, asked: string | null): Place {
  if (bearer === null) {
    const project = asked ?? DEFAULT_PROJECT;
    engine.projects.get(project);
    return { project, role: 'admin' };
  }
  const { user, token } = bearer;
  if (token.scope !== null && asked !== null && asked !== token.scope)
    throw new DroverError('PROJECT_NOT_FOUND', { ref: asked });
  const project = token.scope ?? asked ?? DEFAULT_PROJECT;
  return { project, role: roleBy(bearer, engine.projects.enter(user, project)) };
}

/** What is left of a role with this token. */
function roleBy({ token }: Bearer, role: Role): Role {
  const left = lesserRole(role, token.role ?? 'admin');
  // What is lent for one project does not reach what belongs to the herd.
  return token.scope === null ? left : lesserRole(left, 'user');
}

/** The projects that the caller may come into, by name, and what it may do there. @param bearer null: the head's own token */
export function projectsOf(engine: Engine, bearer: Bearer | null): { name: string; role: Role }[] {
  const found = engine.projects.of(bearer?.user ?? { id: '', role: 'admin' });
  return found
    .filter(({ row }) => (bearer?.token.scope ?? row.name) === row.name)
    .map(({ row, role }) => ({ name: row.name, role: bearer === null ? role : roleBy(bearer, role) }));
}
