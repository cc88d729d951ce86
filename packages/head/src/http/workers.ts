/** `/v1/workers`, `/v1/join-tokens` and `/v1/join`. */
import {
  deletedCount,
  identityReply,
  joinBody,
  joinReply,
  joinTokenCreate,
  joinTokenCreated,
  joinTokenPage,
  workerGetQuery,
  workerListQuery,
  workerPage,
  workersDeleteQuery,
  workerView,
} from '@drover/core/wire';
import { z } from 'zod';
import { tokenOf } from '../auth/credentials.ts';
import { type App, type RouteContext, SMALL_BODY_BYTES } from './app.ts';

/** Of a join: whoever reaches the port sends one, and it is read before the token is looked at. */
const JOIN_BODY_BYTES = 16 * 1024;
const refParams = z.object({
  ref: z.string().max(600).describe('An id, a name, or the beginning of an id when only one matches.'),
});
const idParams = z.object({ ref: z.string().max(600).describe('An id, as the list shows it.') });

export function workerRoutes(app: App, { engine, actorOf }: RouteContext): void {
  app.get(
    '/v1/workers',
    {
      config: { access: 'viewer' },
      schema: {
        operationId: 'workersList',
        description: 'All of them: there is no second page, `nextCursor` is null.',
        summary: 'List workers',
        querystring: workerListQuery,
        response: { 200: workerPage },
      },
    },
    async (request) => {
      const rows = await engine.workers.list(request.query.status);
      return { items: rows.map((row) => engine.views.worker(row)), nextCursor: null };
    },
  );

  app.get(
    '/v1/workers/:ref',
    {
      config: { access: 'viewer' },
      schema: {
        operationId: 'workersGet',
        description:
          'With `wait` the reply is held until the worker has that status, at most `timeoutMs`; it carries the state of then, met or not.',
        errors: ['WORKER_NOT_FOUND', 'AMBIGUOUS'],
        summary: 'One worker; wait= holds the reply',
        params: refParams,
        querystring: workerGetQuery,
        response: { 200: workerView },
      },
    },
    async (request) => {
      const row = await engine.workers.resolve(request.params.ref);
      const { wait, timeoutMs } = request.query;
      return engine.views.worker(wait ? await engine.workers.wait(row.id, wait, timeoutMs) : row);
    },
  );

  app.delete(
    '/v1/workers/:ref',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'workersDelete',
        description: 'Only one that is OFFLINE. What ran there is UNKNOWN no more: it fails.',
        errors: ['WORKER_NOT_FOUND', 'AMBIGUOUS', 'WORKER_NOT_OFFLINE'],
        summary: 'Delete an OFFLINE worker',
        params: refParams,
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      const actor = actorOf(request);
      const row = await engine.workers.resolve(request.params.ref);
      engine.workers.delete(actor, row.id);
      await engine.state.durable();
      return reply.status(204).send(null);
    },
  );

  app.post(
    '/v1/workers/:ref/revoke',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'workersRevoke',
        description:
          'Its link is cut and nobody is let in with its identity: for a machine in wrong hands. What runs there goes the way of a lost worker. To use the machine again, delete the worker and join anew.',
        errors: ['WORKER_NOT_FOUND', 'AMBIGUOUS'],
        summary: 'Void the identity of a worker',
        params: refParams,
        response: { 200: workerView },
      },
    },
    async (request) => {
      const { id } = await engine.workers.resolve(request.params.ref);
      engine.workers.revoke(actorOf(request), id);
      await engine.state.durable();
      return engine.views.worker(await engine.workers.resolve(id));
    },
  );

  app.delete(
    '/v1/workers',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'workersDeleteAllOffline',
        summary: 'Delete all OFFLINE workers',
        querystring: workersDeleteQuery,
        response: { 200: deletedCount },
      },
    },
    async (request) => {
      const deleted = engine.workers.deleteAllOffline(actorOf(request));
      await engine.state.durable();
      return { deleted };
    },
  );
}

export function joinRoutes(app: App, { engine, guard, actorOf }: RouteContext): void {
  app.post(
    '/v1/join-tokens',
    {
      bodyLimit: SMALL_BODY_BYTES,
      config: { access: 'admin' },
      schema: {
        operationId: 'joinTokensCreate',
        description: 'This reply is the only one that shows the token.',
        summary: 'Make a join token',
        body: joinTokenCreate,
        response: { 201: joinTokenCreated },
      },
    },
    async (request, reply) => {
      const { view, token } = engine.joinTokens.create(actorOf(request), request.body);
      await engine.state.durable();
      return reply.status(201).send({ ...view, token });
    },
  );

  app.get(
    '/v1/join-tokens',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'joinTokensList',
        summary: 'List the join tokens that are still good',
        response: { 200: joinTokenPage },
      },
    },
    async () => ({
      items: await engine.joinTokens.list(),
    }),
  );

  app.delete(
    '/v1/join-tokens/:ref',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'joinTokensDelete',
        description: 'Workers that have joined with it stay.',
        errors: ['TOKEN_NOT_FOUND'],
        summary: 'Revoke a join token',
        params: idParams,
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      engine.joinTokens.delete(actorOf(request), request.params.ref);
      await engine.state.durable();
      return reply.status(204).send(null);
    },
  );

  app.post(
    '/v1/join',
    {
      bodyLimit: JOIN_BODY_BYTES,
      config: { access: 'join' },
      schema: {
        summary: 'Exchange a join token for a worker identity',
        hide: true,
        body: joinBody,
        response: { 200: joinReply },
      },
    },
    async (request) => {
      const token = engine.joinTokens.check(tokenOf(request.raw) ?? '', request.body.workerId);
      const identity = engine.workers.join(actorOf(request), token, request.body);
      await engine.state.durable();
      return { ...identity, herd: engine.herd };
    },
  );

  app.post(
    '/v1/link/identity',
    {
      config: { access: 'worker' },
      schema: {
        summary: 'The next identity of a worker',
        hide: true,
        response: { 200: identityReply },
      },
    },
    async (request) => {
      const next = engine.workers.identities.renew(guard.worker(request.raw), actorOf(request));
      await engine.state.durable();
      return next;
    },
  );
}
