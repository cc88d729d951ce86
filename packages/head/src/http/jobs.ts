/** `/v1/clusters/{name}/jobs`: the queue of a cluster. */
import {
  clusterJobList,
  clusterJobView,
  jobCancelBody,
  jobListQuery,
  jobLogQuery,
  jobsCancelled,
} from '@drover/core/wire';
import { z } from 'zod';
import { type App, MEDIUM_BODY_BYTES, type RouteContext } from './app.ts';
import { sendText } from './requests.ts';

const nameParams = z.object({ name: z.string().max(200).describe('Name of the cluster.') });
const jobParams = nameParams.extend({
  job: z
    .string()
    .regex(/^(-|\d{1,9})$/, 'the number of a job, or - for the newest')
    .describe('Its number; `-` is the newest.'),
});
const numberOf = (text: string): number | null => (text === '-' ? null : Number(text));

export function clusterJobRoutes(app: App, context: RouteContext): void {
  const { engine, actorOf, abortOf } = context;
  const { clusters, jobs, jobLogs } = engine.work;

  app.get(
    '/v1/clusters/:name/jobs',
    {
      config: { access: 'viewer' },
      schema: {
        operationId: 'jobsList',
        errors: ['CLUSTER_NOT_FOUND'],
        summary: 'The jobs of a cluster, newest first',
        params: nameParams,
        querystring: jobListQuery,
        response: { 200: clusterJobList },
      },
    },
    async (request) => {
      const actor = actorOf(request);
      const cluster = clusters.get(actor, request.params.name);
      const rows = jobs.list(actor, cluster, request.query);
      await engine.state.durableUnlessStalled(engine.state.tables.jobs.lastRev);
      return { items: engine.views.clusterJobs(cluster, rows) };
    },
  );
  app.get(
    '/v1/clusters/:name/jobs/:job',
    {
      config: { access: 'viewer' },
      schema: {
        operationId: 'jobsGet',
        errors: ['CLUSTER_NOT_FOUND', 'JOB_NOT_FOUND'],
        summary: 'One job',
        params: jobParams,
        response: { 200: clusterJobView },
      },
    },
    async (request) => {
      const cluster = clusters.get(actorOf(request), request.params.name);
      const row = jobs.get(cluster, numberOf(request.params.job));
      await engine.state.durableUnlessStalled(row.rev);
      return engine.views.clusterJob(cluster, row);
    },
  );
  app.post(
    '/v1/clusters/:name/jobs/cancel',
    {
      bodyLimit: MEDIUM_BODY_BYTES,
      config: { access: 'user' },
      schema: {
        operationId: 'jobsCancel',
        description: 'What has ended stays as it is.',
        errors: ['CLUSTER_NOT_FOUND', 'JOB_NOT_FOUND', 'CLUSTER_OWNER_MISMATCH'],
        summary: 'Cancel jobs by number, all of the caller, or the newest',
        params: nameParams,
        body: jobCancelBody,
        response: { 200: jobsCancelled },
      },
    },
    async (request) => {
      const actor = actorOf(request);
      const cluster = clusters.get(actor, request.params.name);
      const { jobIds, all, allUsers } = request.body;
      const cancelled = jobs.cancel(actor, cluster, { numbers: jobIds ?? null, all, allUsers });
      await engine.state.durable();
      return { jobIds: cancelled };
    },
  );
  app.get(
    '/v1/clusters/:name/jobs/:job/log',
    {
      config: { access: 'viewer' },
      schema: {
        operationId: 'jobsLog',
        description:
          'Lines as they come, until the job has ended; with `follow=false` only those that are there.',
        errors: ['CLUSTER_NOT_FOUND', 'JOB_NOT_FOUND', 'LOG_NOT_FOUND', 'LOG_UNAVAILABLE'],
        replyHeaders: { 'Drover-Job': 'Number of the job.' },
        replies: { 200: 'The lines.' },
        summary: 'The output of all nodes of a job, line by line',
        params: jobParams,
        querystring: jobLogQuery,
        produces: ['text/plain'],
      },
    },
    async (request, reply) => {
      const actor = actorOf(request);
      const cluster = clusters.get(actor, request.params.name);
      const row = jobs.get(cluster, numberOf(request.params.job));
      const { follow, tail } = request.query;
      const lines = jobLogs.read(actor, row.id, { follow, tail, abort: abortOf(reply) });
      await sendText(context, reply, lines, { 'drover-job': String(row.number) });
    },
  );
}
