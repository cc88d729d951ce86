/** The PyLet adapter: the wire protocol of the packages 0.4.0 and 0.5.0 as calls on the engine. */
import type { Actor, Engine, Logger } from '@drover/engine';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { setPyletErrorHandler } from './errors.ts';
import { instanceRoutes } from './instances.ts';
import { logRoutes } from './logs.ts';
import { workerRoutes } from './workers.ts';

export interface PyletContext {
  readonly engine: Engine;
  readonly log: Logger;
  /** lenient: CPU and memory of PyLet's instances are recorded and not held, as its users are used to. */
  readonly accounting: 'strict' | 'lenient';
  actorOf(request: FastifyRequest): Actor;
  abortOf(reply: FastifyReply): { readonly aborted: boolean; onAbort(fn: () => void): void };
}

/** Mounts the routes at the root, where the clients look, and under `/compat/pylet`. */
export function registerPylet(app: FastifyInstance, context: PyletContext): void {
  for (const prefix of ['', '/compat/pylet']) {
    app.register(
      async (scope) => {
        setPyletErrorHandler(scope, context.log);
        // Our schemas do not describe these routes; they are read by parse.ts.
        instanceRoutes(scope, context);
        logRoutes(scope, context);
        workerRoutes(scope, context);
      },
      { prefix },
    );
  }
}

/** What PyLet answers to a path or method that it does not have; null when the path is not one of its. */
export function pyletNotFound(
  path: string,
  methodExists: boolean,
): { status: number; body: { detail: string } } | null {
  if (!/^\/(?:compat\/pylet\/)?(?:instances|workers)(?:\/|$)/.test(path)) return null;
  return methodExists
    ? { status: 405, body: { detail: 'Method Not Allowed' } }
    : { status: 404, body: { detail: 'Not Found' } };
}
