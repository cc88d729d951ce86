/**
 * What every call passes before its route: who it is, whether that one calls too often, whether it may. Asked again when its
 * body has come, and for as long as the call goes on (open-calls.ts).
 */
import { type DroverError, ROLES, type Role } from '@drover/core';
import type { Actor, Engine } from '@drover/engine';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { CallLimits } from './call-limits.ts';
import { Denials, strangerFrom } from './denials.ts';
import { type Access, type Caller, type Guard, strangerKey } from './guard.ts';
import { OpenCalls } from './open-calls.ts';

export interface Door {
  readonly denials: Denials;
  /** Before every other hook that looks at who calls. */
  install(app: FastifyInstance): void;
  /** The caller in one of its projects, where it may do what the route needs. @throws {DroverError} FORBIDDEN, PROJECT_NOT_FOUND */
  within(request: FastifyRequest, project: string): Actor;
  /** That the caller may do what the route needs in one of its projects at least. @throws {DroverError} FORBIDDEN */
  somewhere(request: FastifyRequest): void;
  /** The call tells of what that project has: it ends when the project is closed to it. @throws {DroverError} PROJECT_NOT_FOUND */
  looksInto(request: FastifyRequest, project: string): void;
}

/** @param limits null: none */
export function makeDoor(engine: Engine, guard: Guard, limits: CallLimits | null): Door {
  const denials = new Denials(engine);
  const calls = new OpenCalls(engine.state, guard);
  const denied = (request: FastifyRequest, actor: Actor | null, error: unknown): void => {
    const who = actor ?? strangerFrom(request.socket.remoteAddress, request.id);
    denials.tell(who, error, { method: request.method, route: request.routeOptions.url ?? 'unknown' });
  };
  /** @returns the refusal, or null; and has seen to it that the end of the call is counted */
  const limited = async (key: string, reply: FastifyReply): Promise<DroverError | null> => {
    const verdict = limits?.begin(key) ?? 'welcome';
    if (verdict === 'cut') {
      reply.hijack();
      reply.raw.destroy();
      return null;
    }
    if (verdict === 'hold') return (await limits?.hold(key)) ?? null;
    if (limits) reply.raw.once('close', () => limits.done(key, reply.raw.statusCode));
    return null;
  };
  const enter = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const access = accessOf(request);
    let caller: Caller | null = null;
    try {
      // A path that does not exist is no secret, and asking for it costs no token.
      caller = guard.identify(request.raw, request.is404 ? 'none' : access, request.id);
      // Whoever watches over the head is answered whatever else goes on.
      const refusal = access === 'none' ? null : await limited(caller.key, reply);
      if (refusal) throw refusal;
      if (request.is404 || reply.sent) return;
      caller = guard.admit(request.raw, caller, access);
    } catch (error) {
      denied(request, caller?.actor ?? null, error);
      if (caller === null) {
        const refusal = await limited(strangerKey(request.raw), reply);
        if (refusal) throw refusal;
        if (reply.sent) return;
      }
      throw error;
    }
    request.actor = caller.actor;
    request.bearer = caller.bearer;
    if (caller.actor.kind !== 'system') calls.add(request, reply, access, caller);
  };
  return {
    denials,
    install(app) {
      app.addHook('onRequest', enter);
      app.addHook('preValidation', async (request) => {
        if (request.actor?.kind !== 'person' || !hasBody(request)) return;
        // Between its header and the end of its body everything may have changed.
        const access = accessOf(request);
        const caller = guard.admit(request.raw, guard.identify(request.raw, access, request.id), access);
        request.actor = caller.actor;
        request.bearer = caller.bearer;
      });
      // Sees what is thrown anywhere, in hooks, in routes and in those of the adapters.
      app.addHook('onError', async (request, _reply, error) => denied(request, request.actor, error));
    },
    within(request, project) {
      const caller = callerOf(request);
      try {
        const there = guard.within(caller, project, neededBy(request));
        calls.reached(request, there.project, there.role ?? 'viewer');
        return there;
      } catch (error) {
        // Some are kept as the outcome of a request, and thrown to nobody.
        denied(request, caller.actor, error);
        throw error;
      }
    },
    somewhere(request) {
      const needed = neededBy(request);
      guard.somewhere(callerOf(request), needed);
      calls.reachedSome(request, needed);
    },
    looksInto(request, project) {
      const there = guard.within(callerOf(request), project, 'viewer');
      calls.reached(request, there.project, there.role ?? 'viewer');
    },
  };
}

const accessOf = (request: FastifyRequest): Access => request.routeOptions.config.access ?? 'admin';

/** What the caller needs where the call acts: more than at the door, where that is not known yet. */
function neededBy(request: FastifyRequest): Role {
  if (request.routeOptions.config.changesIn !== undefined) return 'user';
  const access = accessOf(request);
  return ROLES.find((role) => role === access) ?? 'admin';
}

function callerOf({ actor, bearer }: FastifyRequest): Pick<Caller, 'bearer'> & { readonly actor: Actor } {
  if (!actor) throw new Error('a route was reached without authentication');
  return { actor, bearer };
}

/** One is announced, of any length. */
export const hasBody = ({ headers }: FastifyRequest): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
