/** `/v1/instances`: thin translation between HTTP and the engine. */
import { DroverError, invalid } from '@drover/core';
import {
  deleteAllQuery,
  deletedCount,
  explanation,
  instanceCancelBody,
  instanceGetQuery,
  instanceListQuery,
  instancePage,
  instanceSubmit,
  instanceView,
} from '@drover/core/wire';
import { z } from 'zod';
import { type App, type RouteContext, SMALL_BODY_BYTES } from './app.ts';
import { idempotencyKey } from './document/request-headers.ts';

export const INSTANCE_REF =
  'An id, a name (the newest that bears it, one that has not ended first), or the beginning of an id (4 characters or more) when only one matches.';
const KEY_RULE = '1 to 200 printable ASCII characters';
const refParams = z.object({ ref: z.string().max(600).describe(INSTANCE_REF) });

export function instanceRoutes(app: App, { engine, actorOf, abortOf }: RouteContext): void {
  app.post(
    '/v1/instances',
    {
      config: { access: 'user' },
      schema: {
        operationId: 'instancesSubmit',
        description:
          'The scheduler decides in the same commit: what fits somewhere is ASSIGNED in this very reply. What does not fit waits; `explain` says why.',
        errors: [
          'NAME_TAKEN',
          'WORKER_NOT_FOUND',
          'TARGET_WORKER_NOT_ONLINE',
          'IDEMPOTENCY_CONFLICT',
          'INSTANCE_NOT_FOUND',
          'QUOTA_EXCEEDED',
        ],
        requestHeaders: idempotencyKey,
        summary: 'Submit an instance',
        body: instanceSubmit,
        response: { 201: instanceView },
      },
    },
    async (request, reply) => {
      const idempotencyKey = keyOf(request.headers['idempotency-key']);
      if (idempotencyKey !== undefined)
        await engine.instances.idempotency.recall(actorOf(request), idempotencyKey);
      const submitted = engine.instances.submit(actorOf(request), request.body, { idempotencyKey });
      await engine.state.durable(submitted.rev);
      // The scheduler ran in the same commit: what it decided may be shown when that is durable too.
      const row = (await engine.reads.find(submitted.id)) ?? submitted;
      return reply.status(201).send(engine.views.instance(row));
    },
  );

  app.get(
    '/v1/instances',
    {
      config: { access: 'viewer' },
      schema: {
        operationId: 'instancesList',
        summary: 'List instances, newest first',
        querystring: instanceListQuery,
        response: { 200: instancePage },
      },
    },
    async (request) => {
      const { rows, nextCursor } = await engine.reads.list(actorOf(request), request.query);
      return { items: engine.views.instances(rows), nextCursor };
    },
  );

  app.delete(
    '/v1/instances',
    {
      config: { access: 'user' },
      schema: {
        operationId: 'instancesDeleteAll',
        description:
          'What runs is cancelled first, and its record goes by itself at its end. What belongs to a job or a cluster is left to it.',
        summary: 'Delete all instances, or those of one status',
        querystring: deleteAllQuery,
        response: { 200: deletedCount },
      },
    },
    async (request) => {
      const actor = actorOf(request);
      const deleted = engine.instances.deleteMany(actor, await engine.idsOf(actor, request.query.status));
      await engine.state.durable();
      return { deleted };
    },
  );

  app.get(
    '/v1/instances/:ref',
    {
      config: { access: 'viewer' },
      schema: {
        operationId: 'instancesGet',
        description:
          'With `wait` the reply is held until the instance runs or has ended (`running`), or has ended (`final`), at most `timeoutMs`; it carries the state of then, met or not.',
        errors: ['INSTANCE_NOT_FOUND', 'AMBIGUOUS'],
        summary: 'One instance; wait= holds the reply',
        params: refParams,
        querystring: instanceGetQuery,
        response: { 200: instanceView },
      },
    },
    async (request, reply) => {
      const row = await engine.reads.resolve(actorOf(request), request.params.ref);
      const { wait, timeoutMs } = request.query;
      if (!wait) return engine.views.instance(row);
      return engine.views.instance(await engine.reads.wait(row.id, wait, timeoutMs, abortOf(reply)));
    },
  );

  app.delete(
    '/v1/instances/:ref',
    {
      config: { access: 'user' },
      schema: {
        operationId: 'instancesDelete',
        errors: ['INSTANCE_NOT_FOUND', 'AMBIGUOUS', 'OWNED'],
        replies: {
          202: 'It is being cancelled; the record goes by itself at its end.',
          204: 'The record is gone.',
        },
        summary: 'Delete; what runs is cancelled first',
        params: refParams,
        response: { 202: instanceView, 204: z.null() },
      },
    },
    async (request, reply) => {
      const actor = actorOf(request);
      const row = await engine.reads.resolve(actor, request.params.ref);
      if (!engine.state.tables.instances.get(row.id)) engine.state.admit('instances', row);
      const gone = engine.instances.delete(actor, row.id);
      await engine.state.durable();
      if (gone) return reply.status(204).send(null);
      const now = await engine.reads.find(row.id);
      return now ? reply.status(202).send(engine.views.instance(now)) : reply.status(204).send(null);
    },
  );

  app.post(
    '/v1/instances/:ref/cancel',
    {
      bodyLimit: SMALL_BODY_BYTES,
      config: { access: 'user' },
      schema: {
        operationId: 'instancesCancel',
        description: 'SIGTERM to its group, and SIGKILL after the grace period. Does not wait for the end.',
        errors: ['INSTANCE_NOT_FOUND', 'AMBIGUOUS', 'ALREADY_FINAL', 'OWNED'],
        summary: 'Ask for the end',
        params: refParams,
        body: instanceCancelBody,
        response: { 200: instanceView },
      },
    },
    async (request) => {
      const actor = actorOf(request);
      const row = await engine.reads.resolve(actor, request.params.ref);
      const after = engine.instances.cancel(
        actor,
        inMemory(engine.state.tables.instances.get(row.id), row).id,
        request.body.graceMs,
      );
      await engine.state.durable(after.rev);
      return engine.views.instance((await engine.reads.find(row.id)) ?? after);
    },
  );

  app.post(
    '/v1/instances/:ref/forget',
    {
      config: { access: 'user' },
      schema: {
        operationId: 'instancesForget',
        description:
          'It becomes FAILED, or CANCELLED when a cancel was under way. Should its worker return, what still runs there is stopped.',
        errors: ['INSTANCE_NOT_FOUND', 'AMBIGUOUS', 'NOT_UNKNOWN', 'OWNED'],
        summary: 'Give up an UNKNOWN instance',
        params: refParams,
        response: { 200: instanceView },
      },
    },
    async (request) => {
      const actor = actorOf(request);
      const row = await engine.reads.resolve(actor, request.params.ref);
      if (!engine.state.tables.instances.get(row.id))
        throw new DroverError('NOT_UNKNOWN', { ref: request.params.ref, status: row.status });
      const after = engine.instances.forget(actor, row.id);
      await engine.state.durable(after.rev);
      return engine.views.instance(after);
    },
  );

  app.post(
    '/v1/instances/:ref/replace',
    {
      config: { access: 'user' },
      schema: {
        operationId: 'instancesReplace',
        description: 'Should its worker return with the older attempt, that is stopped there.',
        errors: ['INSTANCE_NOT_FOUND', 'AMBIGUOUS', 'NOT_UNKNOWN', 'BEING_CANCELLED', 'OWNED'],
        summary: 'Run an UNKNOWN instance again, as a new attempt',
        params: refParams,
        response: { 200: instanceView },
      },
    },
    async (request) => {
      const actor = actorOf(request);
      const row = await engine.reads.resolve(actor, request.params.ref);
      if (!engine.state.tables.instances.get(row.id))
        throw new DroverError('NOT_UNKNOWN', { ref: request.params.ref, status: row.status });
      const after = engine.instances.replace(actor, row.id);
      await engine.state.durable(after.rev);
      return engine.views.instance(after);
    },
  );

  app.get(
    '/v1/instances/:ref/explain',
    {
      config: { access: 'viewer' },
      schema: {
        operationId: 'instancesExplain',
        description: 'Each worker, each constraint that fails there now, and by how much.',
        errors: ['INSTANCE_NOT_FOUND', 'AMBIGUOUS'],
        summary: 'Why it waits, or how it ended',
        params: refParams,
        response: { 200: explanation },
      },
    },
    async (request) => {
      return engine.views.explanation(await engine.reads.resolve(actorOf(request), request.params.ref));
    },
  );
}

/** An ended instance that memory has let go cannot be cancelled: the answer is that it has ended. */
function inMemory<Row extends { id: string; status: string; name: string | null }>(
  live: Row | undefined,
  row: Row,
): Row {
  if (!live) throw new DroverError('ALREADY_FINAL', { ref: row.name ?? row.id, status: row.status });
  return live;
}

function keyOf(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header !== 'string' || !/^[\x20-\x7e]{1,200}$/.test(header))
    throw invalid('Idempotency-Key', KEY_RULE, header);
  return header;
}
