/** `/v1/clusters`, and what can be had for one: thin translation between HTTP and the engine. */
import {
  autostopBody,
  clusterList,
  clusterListQuery,
  clusterView,
  costQuery,
  costReport,
  endBody,
  execBody,
  launchBody,
  planBody,
  planView,
  requestView,
  startBody,
} from '@drover/core/wire';
import type { CallNotes } from '@drover/engine';
import { z } from 'zod';
import { type App, MEDIUM_BODY_BYTES, type RouteContext, SMALL_BODY_BYTES } from './app.ts';
import { lastUse, requestId } from './document/request-headers.ts';
import { accepted, requestIdIn } from './requests.ts';

const nameParams = z.object({ name: z.string().max(200).describe('Name of the cluster.') });
const started = { 202: requestView };
const accepts = { Location: 'Path of the request.' };

export function clusterRoutes(app: App, context: RouteContext): void {
  const { engine, actorOf } = context;
  const { clusters, reads } = engine.work;
  const notes = (request: { headers: Record<string, unknown> }): CallNotes => {
    const words = request.headers['drover-command'];
    const id = requestIdIn(request);
    return {
      ...(typeof words === 'string' && { lastUse: words.slice(0, 500) }),
      ...(id !== undefined && { requestId: id }),
    };
  };

  app.post(
    '/v1/clusters/launch',
    {
      config: { access: 'user' },
      schema: {
        operationId: 'clustersLaunch',
        description:
          'Makes the cluster when there is none of that name, uses it again when it fits, brings files there, runs setup, and puts the task into its queue. The result of the request has the job.',
        errors: [
          'NOT_SUPPORTED',
          'IDEMPOTENCY_CONFLICT',
          'QUOTA_EXCEEDED',
          'CLUSTER_NAME_INVALID',
          'CLUSTER_NOT_FOUND',
          'CLUSTER_NOT_UP',
          'CLUSTER_OWNER_MISMATCH',
          'RESOURCES_MISMATCH',
          'RESOURCES_UNAVAILABLE',
          'NO_INFRA',
          'INFRA_NOT_FOUND',
          'TREE_NOT_FOUND',
          'NAME_TAKEN',
        ],
        requestHeaders: { ...requestId, ...lastUse },
        replyHeaders: accepts,
        summary: 'Launch a task on a cluster',
        body: launchBody,
        response: started,
      },
    },
    async (request, reply) => {
      const actor = actorOf(request);
      const noted = notes(request);
      const row = request.body.dryrun
        ? await reads.dryrun(actor, request.body)
        : clusters.launch(actor, request.body, noted);
      await accepted(context, reply, row);
    },
  );
  app.post(
    '/v1/clusters/:name/exec',
    {
      config: { access: 'user' },
      schema: {
        operationId: 'clustersExec',
        description: 'No nodes are looked for and no setup runs.',
        errors: [
          'CLUSTER_NOT_FOUND',
          'NOT_SUPPORTED',
          'IDEMPOTENCY_CONFLICT',
          'QUOTA_EXCEEDED',
          'CLUSTER_NOT_UP',
          'CLUSTER_OWNER_MISMATCH',
          'RESOURCES_MISMATCH',
          'TREE_NOT_FOUND',
        ],
        requestHeaders: { ...requestId, ...lastUse },
        replyHeaders: accepts,
        summary: 'Run a task on a cluster that is UP',
        params: nameParams,
        body: execBody,
        response: started,
      },
    },
    async (request, reply) => {
      const actor = actorOf(request);
      const { name } = request.params;
      const noted = notes(request);
      const row = request.body.dryrun
        ? reads.dryrunExec(actor, name, request.body)
        : clusters.exec(actor, name, request.body, noted);
      await accepted(context, reply, row);
    },
  );
  app.post(
    '/v1/clusters/:name/start',
    {
      bodyLimit: SMALL_BODY_BYTES,
      config: { access: 'user' },
      schema: {
        operationId: 'clustersStart',
        description: 'On the nodes where its homes are.',
        errors: [
          'CLUSTER_NOT_FOUND',
          'NOT_SUPPORTED',
          'IDEMPOTENCY_CONFLICT',
          'QUOTA_EXCEEDED',
          'CLUSTER_NOT_UP',
          'CLUSTER_OWNER_MISMATCH',
        ],
        requestHeaders: { ...requestId, ...lastUse },
        replyHeaders: accepts,
        summary: 'Start it where it was',
        params: nameParams,
        body: startBody,
        response: started,
      },
    },
    async (request, reply) => {
      const row = clusters.start(actorOf(request), request.params.name, request.body, notes(request));
      await accepted(context, reply, row);
    },
  );
  for (const [verb, operationId, summary, description] of [
    [
      'stop',
      'clustersStop',
      'Stop it; homes stay',
      'Its jobs are cancelled and its nodes let go, or their machines stopped.',
    ],
    [
      'down',
      'clustersDown',
      'Tear it down',
      'Its jobs are cancelled, its homes removed, its machines given back.',
    ],
  ] as const)
    app.post(
      `/v1/clusters/:name/${verb}`,
      {
        bodyLimit: SMALL_BODY_BYTES,
        config: { access: 'user' },
        schema: {
          operationId,
          summary,
          description,
          errors: [
            'CLUSTER_NOT_FOUND',
            'CLUSTER_NOT_UP',
            'CLUSTER_OWNER_MISMATCH',
            'NOT_SUPPORTED',
            'IDEMPOTENCY_CONFLICT',
            'QUOTA_EXCEEDED',
          ],
          requestHeaders: { ...requestId, ...lastUse },
          replyHeaders: accepts,
          params: nameParams,
          body: endBody,
          response: started,
        },
      },
      async (request, reply) => {
        const row = clusters[verb](actorOf(request), request.params.name, request.body, notes(request));
        await accepted(context, reply, row);
      },
    );
  app.put(
    '/v1/clusters/:name/autostop',
    {
      bodyLimit: SMALL_BODY_BYTES,
      config: { access: 'user' },
      schema: {
        operationId: 'clustersAutostop',
        description: '`{"autostop": null}` cancels it.',
        errors: ['CLUSTER_NOT_FOUND', 'CLUSTER_NOT_UP', 'CLUSTER_OWNER_MISMATCH', 'NOT_SUPPORTED'],
        summary: 'Set or cancel autostop',
        params: nameParams,
        body: autostopBody,
        response: { 200: clusterView },
      },
    },
    async (request) => {
      const row = clusters.autostop(actorOf(request), request.params.name, request.body.autostop);
      await engine.state.durable(row.rev);
      return engine.views.cluster(row);
    },
  );
  app.get(
    '/v1/clusters',
    {
      config: { access: 'viewer' },
      schema: {
        operationId: 'clustersList',
        description: 'Names that do not exist are left out.',
        summary: 'List clusters',
        querystring: clusterListQuery,
        response: { 200: clusterList },
      },
    },
    async (request) => {
      const { name, refresh, allUsers } = request.query;
      const names = name === undefined ? null : [name].flat();
      return { items: await reads.list(actorOf(request), { names, refresh, allUsers }) };
    },
  );
  app.get(
    '/v1/clusters/:name',
    {
      config: { access: 'viewer' },
      schema: {
        operationId: 'clustersGet',
        errors: ['CLUSTER_NOT_FOUND'],
        summary: 'One cluster',
        params: nameParams,
        response: { 200: clusterView },
      },
    },
    async (request) => {
      const row = clusters.get(actorOf(request), request.params.name);
      await engine.state.durableUnlessStalled(row.rev);
      return engine.views.cluster(row);
    },
  );
  app.post(
    '/v1/plan',
    {
      bodyLimit: MEDIUM_BODY_BYTES,
      config: { access: 'viewer' },
      schema: {
        operationId: 'clustersPlan',
        description: 'Nothing is made or held.',
        errors: ['NOT_SUPPORTED', 'INFRA_NOT_FOUND', 'NO_INFRA'],
        summary: 'What a launch would consider, and choose',
        body: planBody,
        response: { 200: planView },
      },
    },
    async (request) => await reads.plan(context.actorOf(request), request.body),
  );
  app.get(
    '/v1/cost-report',
    {
      config: { access: 'viewer' },
      schema: {
        operationId: 'clustersCostReport',
        description: 'Those that are there, and those that ended within `days`. US dollars.',
        summary: 'What clusters have cost',
        querystring: costQuery,
        response: { 200: costReport },
      },
    },
    async (request) => {
      const items = reads.costs(actorOf(request), request.query.days);
      await engine.state.durableUnlessStalled(engine.state.tables.clusters.lastRev);
      const total = items.reduce((sum, item) => sum + item.cost, 0);
      return { items, total: Math.round(total * 10_000) / 10_000 };
    },
  );
}
