/** What every call passes before its route: who it is, whether that one calls too often, whether it may. */
import { type DroverError, isDroverError } from '@drover/core';
import type { Actor, Engine } from '@drover/engine';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { CallLimits } from './call-limits.ts';
import { type Caller, type Guard, NOBODY, strangerKey } from './guard.ts';

/** What is told of in the audit. A call that is held up is no denial: its caller may. */
const DENIALS: ReadonlySet<string> = new Set(['UNAUTHENTICATED', 'FORBIDDEN', 'PROJECT_NOT_FOUND']);

export function installDoor(
  app: FastifyInstance,
  engine: Engine,
  guard: Guard,
  limits: CallLimits | null,
): void {
  const denied = (request: FastifyRequest, caller: Caller | null, error: unknown): void => {
    if (!isDroverError(error) || !DENIALS.has(error.code)) return;
    engine.audit.deny(caller?.actor ?? strangerOf(request), {
      code: error.code,
      message: error.message,
      method: request.method,
      route: request.routeOptions.url ?? 'unknown',
    });
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

  app.addHook('onRequest', async (request, reply) => {
    const access = request.routeOptions.config.access ?? 'admin';
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
      denied(request, caller, error);
      if (caller === null) {
        const refusal = await limited(strangerKey(request.raw), reply);
        if (refusal) throw refusal;
        if (reply.sent) return;
      }
      throw error;
    }
    request.actor = caller.actor;
    request.bearer = caller.bearer;
  });
}

const strangerOf = (request: FastifyRequest): Actor => ({
  ...NOBODY,
  requestId: request.id,
  ...(request.socket.remoteAddress !== undefined && { source: request.socket.remoteAddress }),
});
