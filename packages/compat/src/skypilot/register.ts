/** The SkyPilot adapter: the wire protocol of the packages 0.14.1 and 0.9.x as calls on the engine. */
import { type ErrorCode, isDroverError } from '@drover/core';
import type { FastifyError, FastifyInstance, FastifyRequest } from 'fastify';
import { applyAccess, type ChangesIn } from '../access.ts';
import { SKYPILOT_ACCESS } from './access.ts';
import { apiRoutes } from './api.ts';
import { Body } from './body.ts';
import { Calls } from './calls.ts';
import { cancelRoutes } from './cancel.ts';
import { catalogueRoutes } from './catalogue.ts';
import { clusterRoutes } from './clusters.ts';
import { callerOf, type SkypilotContext, type SkypilotOptions } from './context.ts';
import { mismatchOf, VERSION_HEADERS } from './dialect.ts';
import { fileRoutes } from './files.ts';
import { jobRoutes } from './jobs.ts';
import { launchRoutes } from './launch.ts';
import { loginRoutes } from './login.ts';
import { isPassing } from './submit.ts';
import { unbuiltRoutes } from './unbuilt.ts';
import { Uploads } from './uploads.ts';
import { workspaceRoutes } from './workspaces.ts';

const RETRY_AFTER_S = 1;
/** Of 403 the clients print the sentence; of other refusals only the number. */
const STATUSES: Partial<Record<ErrorCode, number>> = { INVALID_REQUEST: 422, PROJECT_NOT_FOUND: 403 };

/** Mounts the routes at the root, where the clients look, and under `/compat/skypilot`. */
export function registerSkypilot(app: FastifyInstance, options: SkypilotOptions): void {
  const context: SkypilotContext = {
    ...options,
    calls: new Calls(),
    uploads: new Uploads(options.dir, options.files, options.log),
  };
  for (const prefix of ['', '/compat/skypilot']) {
    app.register(
      async (scope) => {
        applyAccess(scope, prefix, SKYPILOT_ACCESS);
        setSkypilotErrorHandler(scope, context);
        scope.addHook('onSend', async (_request, reply) => {
          reply.headers(VERSION_HEADERS);
        });
        scope.addHook('preHandler', async (request, reply) => {
          const message = mismatchOf(request);
          if (message !== null) return await reply.status(400).send({ error: 'version_mismatch', message });
          return undefined;
        });
        scope.addHook('onRequest', async (request) => {
          if (changesIn(request) === 'any') context.somewhere(request);
        });
        scope.addHook('preHandler', async (request) => {
          // Whatever the route does with its body: nobody changes anything where they may only look.
          if (changesIn(request) === 'named') callerOf(context, request, Body.of(request));
        });
        for (const routes of [
          apiRoutes,
          cancelRoutes,
          launchRoutes,
          clusterRoutes,
          jobRoutes,
          catalogueRoutes,
          fileRoutes,
          loginRoutes,
          workspaceRoutes,
          unbuiltRoutes,
        ])
          routes(scope, context);
      },
      { prefix },
    );
  }
}

const changesIn = ({ routeOptions }: FastifyRequest): ChangesIn | undefined =>
  (routeOptions.config as { readonly changesIn?: ChangesIn }).changesIn;

/** What the adapter answers to a path that it does not have; null when it is none of its clients that asks. */
export function skypilotNotFound(
  request: FastifyRequest,
  path: string,
): { status: number; body: { detail: string } } | null {
  const isClient = request.headers['x-skypilot-api-version'] !== undefined;
  if (!isClient && !path.startsWith('/compat/skypilot/')) return null;
  return {
    status: 404,
    body: { detail: `there is no ${request.method} ${path.slice(0, 200)} on this head` },
  };
}

/** `{detail}`, with the status that makes the clients wait, or tells their user what to do. */
function setSkypilotErrorHandler(scope: FastifyInstance, { log }: SkypilotContext): void {
  scope.setErrorHandler(async (error, request, reply) => {
    reply.headers(VERSION_HEADERS);
    if (isDroverError(error)) {
      const status = isPassing(error) ? 503 : (STATUSES[error.code] ?? error.status);
      if (status === 503) reply.header('retry-after', RETRY_AFTER_S);
      if (status === 401) reply.header('www-authenticate', 'Basic realm="drover", Bearer realm="drover"');
      return reply.status(status).send({ detail: error.message });
    }
    const { statusCode } = error as Partial<FastifyError>;
    if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
      return reply.status(statusCode).send({ detail: (error as Error).message });
    log.error(
      { requestId: request.id, method: request.method, route: request.routeOptions.url, err: error },
      'a call of the skypilot adapter failed for a reason of our own',
    );
    return reply.status(500).send({ detail: 'an internal error of the head; its log has more' });
  });
}
