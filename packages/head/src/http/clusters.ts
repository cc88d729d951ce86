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
import type { App, RouteContext } from './app.ts';
import { accepted, requestIdIn } from './requests.ts';

const nameParams = z.object({ name: z.string().max(200) });
const started = { 202: requestView };

export function clusterRoutes(app: App, context: RouteContext): void {
  const { engine, actorOf } = context;
  const { clusters, reads } = engine.work;
  const notes = (request: { headers: Record<string, unknown> }): CallNotes => {
    const words = request.headers['drover-command'];
    const requestId = requestIdIn(request);
    return {
      ...(typeof words === 'string' && { lastUse: words.slice(0, 500) }),
      ...(requestId !== undefined && { requestId }),
    };
  };

  app.post(
    '/v1/clusters/launch',
    { schema: { summary: 'Launch a task on a cluster', body: launchBody, response: started } },
    async (request, reply) => {
      const actor = actorOf(request);
      const row = request.body.dryrun
        ? await reads.dryrun(actor, request.body)
        : clusters.launch(actor, request.body, notes(request));
      await accepted(context, reply, row);
    },
  );
  app.post(
    '/v1/clusters/:name/exec',
    {
      schema: {
        summary: 'Run a task on a cluster that is UP',
        params: nameParams,
        body: execBody,
        response: started,
      },
    },
    async (request, reply) => {
      const actor = actorOf(request);
      const { name } = request.params;
      const row = request.body.dryrun
        ? reads.dryrunExec(actor, name, request.body)
        : clusters.exec(actor, name, request.body, notes(request));
      await accepted(context, reply, row);
    },
  );
  app.post(
    '/v1/clusters/:name/start',
    { schema: { summary: 'Start it where it was', params: nameParams, body: startBody, response: started } },
    async (request, reply) => {
      const row = clusters.start(actorOf(request), request.params.name, request.body, notes(request));
      await accepted(context, reply, row);
    },
  );
  for (const [verb, summary] of [
    ['stop', 'Stop it; homes stay'],
    ['down', 'Tear it down'],
  ] as const)
    app.post(
      `/v1/clusters/:name/${verb}`,
      { schema: { summary, params: nameParams, body: endBody, response: started } },
      async (request, reply) => {
        const row = clusters[verb](actorOf(request), request.params.name, request.body, notes(request));
        await accepted(context, reply, row);
      },
    );
  app.put(
    '/v1/clusters/:name/autostop',
    {
      schema: {
        summary: 'Set or cancel autostop',
        params: nameParams,
        body: autostopBody,
        response: { 200: clusterView },
      },
    },
    async (request) => {
      const row = clusters.autostop(actorOf(request), request.params.name, request.body.autostop);
      await engine.state.durable(row.rev);
      return engine.viewCluster(row);
    },
  );
  app.get(
    '/v1/clusters',
    {
      schema: { summary: 'List clusters', querystring: clusterListQuery, response: { 200: clusterList } },
    },
    async (request) => {
      const { name, refresh, allUsers } = request.query;
      const names = name === undefined ? null : [name].flat();
      return { items: await reads.list(actorOf(request), { names, refresh, allUsers }) };
    },
  );
  app.get(
    '/v1/clusters/:name',
    { schema: { summary: 'One cluster', params: nameParams, response: { 200: clusterView } } },
    async (request) => {
      const row = clusters.get(actorOf(request), request.params.name);
      await engine.state.durableUnlessStalled(row.rev);
      return engine.viewCluster(row);
    },
  );
  app.post(
    '/v1/plan',
    {
      schema: {
        summary: 'What a launch would consider, and choose',
        body: planBody,
        response: { 200: planView },
      },
    },
    async (request) => await reads.plan(request.body),
  );
  app.get(
    '/v1/cost-report',
    { schema: { summary: 'What clusters have cost', querystring: costQuery, response: { 200: costReport } } },
    async (request) => {
      const items = reads.costs(actorOf(request), request.query.days);
      await engine.state.durableUnlessStalled(engine.state.tables.clusters.lastRev);
      const total = items.reduce((sum, item) => sum + item.cost, 0);
      return { items, total: Math.round(total * 10_000) / 10_000 };
    },
  );
}
