/** The PyLet adapter: the wire protocol of the packages 0.4.0 and 0.5.0 as calls on the engine. */
import type { FastifyInstance } from 'fastify';
import { applyAccess } from '../access.ts';
import { PYLET_ACCESS } from './access.ts';
import type { PyletContext } from './context.ts';
import { notJson, setPyletErrorHandler } from './errors.ts';
import { Unprocessable } from './fields.ts';
import { instanceRoutes } from './instances.ts';
import { logRoutes } from './logs.ts';
import { workerRoutes } from './workers.ts';

/** Mounts the routes at the root, where the clients look, and under `/compat/pylet`. */
export function registerPylet(app: FastifyInstance, context: PyletContext): void {
  for (const prefix of ['', '/compat/pylet']) {
    app.register(
      async (scope) => {
        applyAccess(scope, prefix, PYLET_ACCESS);
        setPyletErrorHandler(scope, context.log);
        readJson(scope);
        // Our schemas do not describe these routes; they are read by parse.ts.
        instanceRoutes(scope, context);
        logRoutes(scope, context);
        workerRoutes(scope, context);
      },
      { prefix },
    );
  }
}

/** A body that is no JSON is echoed in the reply; no body is none, whatever its type is said to be. */
function readJson(scope: FastifyInstance): void {
  scope.removeContentTypeParser('application/json');
  scope.addContentTypeParser(
    'application/json',
    // Too many or too deep values are told in PyLet's own words, a few of them at a time.
    { parseAs: 'string', judgesShape: true } as { parseAs: 'string' },
    async (_request: unknown, text: string) => {
      if (text === '') return undefined;
      try {
        return JSON.parse(text) as unknown;
      } catch (error) {
        throw new Unprocessable([notJson((error as Error).message)], text);
      }
    },
  );
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
