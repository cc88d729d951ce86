/** `/v1/requests`: thin translation between HTTP and the engine. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { invalid, isUuid } from '@drover/core';
import {
  requestCancelBody,
  requestGetQuery,
  requestListQuery,
  requestLogQuery,
  requestPage,
  requestRecordBody,
  requestsCancelled,
  requestView,
} from '@drover/core/wire';
import { errorOf, type RequestRow } from '@drover/engine';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { type App, MEDIUM_BODY_BYTES, type RouteContext } from './app.ts';
import { requestId } from './document/request-headers.ts';

/** Of `,` `:` `[` and `{` in an outcome that is kept: 1 MiB of empty objects would be held as 20 times as much. */
const RECORD_TOKENS = 60_000;
const refParams = z.object({
  ref: z.string().max(100).describe('An id or its beginning (3 characters or more); `-` is the newest.'),
});
/** Null: the newest. */
export const refOf = (ref: string): string | null => (ref === '-' ? null : ref);

export function requestRoutes(app: App, context: RouteContext): void {
  const { engine, actorOf, abortOf } = context;
  const { requests, requestReads, requestLogs, requestCancel } = engine.work;

  app.get(
    '/v1/requests',
    {
      config: { access: 'viewer' },
      schema: {
        operationId: 'requestsList',
        summary: 'List requests, newest first: those under way, or all',
        querystring: requestListQuery,
        response: { 200: requestPage },
      },
    },
    async (request) => {
      const { rows, nextCursor } = await requestReads.list(actorOf(request), request.query);
      return { items: rows.map((row) => engine.views.request(row)), nextCursor };
    },
  );

  app.post(
    '/v1/requests',
    {
      bodyLimit: MEDIUM_BODY_BYTES,
      config: { access: 'user', mostTokens: RECORD_TOKENS },
      schema: {
        operationId: 'requestsRecord',
        description:
          'So that another process finds it by its id. At most 1 MiB, and 10,000 of `,` `:` `[` and `{` outside of strings.',
        errors: ['IDEMPOTENCY_CONFLICT', 'QUOTA_EXCEEDED'],
        requestHeaders: requestId,
        summary: 'Keep the outcome of a short call as a request that has ended',
        body: requestRecordBody,
        response: { 201: requestView },
      },
    },
    async (request, reply) => {
      const { name, cluster = null, result = null, error } = request.body;
      const id = requestIdIn(request);
      const actor = actorOf(request);
      const earlier = id === undefined ? undefined : requests.earlier(actor, id, name);
      const outcome = error ? { error: errorOf(error) } : { result };
      const row = earlier ?? requests.record(actor, { verb: name, cluster, id }, outcome);
      await engine.state.durable(row.rev);
      const now = (await requestReads.find(row.id)) ?? row;
      return await reply.status(201).send(engine.views.request(now));
    },
  );

  app.get(
    '/v1/requests/:ref',
    {
      config: { access: 'viewer' },
      schema: {
        operationId: 'requestsGet',
        description:
          'With `wait=true` the reply is held until the request has ended, at most `timeoutMs`; it carries the state of then. A request that failed carries `error`, as its own call would have answered it.',
        errors: ['REQUEST_NOT_FOUND', 'AMBIGUOUS'],
        summary: 'One request; wait=true holds the reply until it has ended',
        params: refParams,
        querystring: requestGetQuery,
        response: { 200: requestView },
      },
    },
    async (request, reply) => {
      const row = await requestReads.resolve(actorOf(request), refOf(request.params.ref));
      if (!request.query.wait) return engine.views.request(row);
      return engine.views.request(await requestReads.wait(row.id, request.query.timeoutMs, abortOf(reply)));
    },
  );

  app.get(
    '/v1/requests/:ref/log',
    {
      config: { access: 'viewer' },
      schema: {
        operationId: 'requestsLog',
        description:
          'Lines as they come, until the request has ended; with `follow=false` only those that are there.',
        errors: ['REQUEST_NOT_FOUND', 'AMBIGUOUS'],
        replyHeaders: { 'Drover-Request': 'Id of the request.' },
        replies: { 200: 'The lines.' },
        summary: 'What a request says while it goes on, as text',
        params: refParams,
        querystring: requestLogQuery,
        produces: ['text/plain'],
      },
    },
    async (request, reply) => {
      const actor = actorOf(request);
      const row = await requestReads.resolve(actor, refOf(request.params.ref));
      const abort = abortOf(reply);
      const { follow, tail } = request.query;
      const lines = requestLogs.read(actor, row.id, { follow, tail, abort });
      await sendText(context, reply, lines, { 'drover-request': row.id });
    },
  );

  app.post(
    '/v1/requests/cancel',
    {
      bodyLimit: MEDIUM_BODY_BYTES,
      config: { access: 'user' },
      schema: {
        operationId: 'requestsCancel',
        description: 'Nothing named and not `all` is refused. What has ended stays as it is.',
        errors: ['REQUEST_NOT_FOUND', 'AMBIGUOUS', 'CLUSTER_OWNER_MISMATCH'],
        summary: 'Cancel requests by id, or all of the caller',
        body: requestCancelBody,
        response: { 200: requestsCancelled },
      },
    },
    async (request) => {
      const { ids, all, allUsers } = request.body;
      const cancelled = await requestCancel.cancel(actorOf(request), { refs: ids ?? null, all, allUsers });
      await engine.state.durable();
      return { ids: cancelled };
    },
  );
}

/** The id that a caller has chosen for its request. @throws {DroverError} INVALID_REQUEST */
export function requestIdIn(request: { headers: Record<string, unknown> }): string | undefined {
  const key = request.headers['idempotency-key'];
  if (key === undefined || (typeof key === 'string' && isUuid(key))) return key;
  throw invalid('Idempotency-Key', 'a UUID in lower case: it becomes the id of the request', key);
}

/** A stream of lines, as a browser shows them too. */
export async function sendText(
  { log }: Pick<RouteContext, 'log'>,
  reply: FastifyReply,
  lines: AsyncIterable<Uint8Array>,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, {
    'content-type': 'text/plain; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
  });
  raw.flushHeaders();
  await pipeline(Readable.from(lines, { objectMode: false }), raw).catch((err: unknown) => {
    log.info({ requestId: reply.request.id, err }, 'a reader of lines went away');
    raw.destroy();
  });
}

/** The request that a call has made: known as soon as it is durable. */
export async function accepted(
  { engine }: Pick<RouteContext, 'engine'>,
  reply: FastifyReply,
  row: RequestRow,
): Promise<void> {
  await engine.state.durable(row.rev);
  const now = (await engine.work.requestReads.find(row.id)) ?? row;
  reply.header('location', `/v1/requests/${row.id}`);
  await reply.status(202).send(engine.views.request(now) as never);
}
