/**
 * What is not built yet. Its lists are empty and answer, so that commands that ask for everything go through; whatever
 * would act is refused as a request that has failed, of which nothing is stored. A table, so that each issue takes its own lines out.
 */
import type { FastifyInstance } from 'fastify';
import type { SkypilotContext } from './context.ts';
import { sendLines } from './stream.ts';
import { answerLater, askedOf, notBuilt, sayRequest } from './submit.ts';

const NO_JOBS = { jobs: [], total: 0, total_no_filter: 0, status_counts: {}, infra_options: [] };

/** Route, the verb of its request, and its empty answer. */
const EMPTY: readonly (readonly ['GET' | 'POST', string, string, unknown])[] = [
  ['POST', '/jobs/queue', 'jobs.queue', []],
  ['POST', '/jobs/queue/v2', 'jobs.queue_v2', NO_JOBS],
  ['POST', '/jobs/events', 'jobs.events', []],
  ['POST', '/jobs/pool_status', 'jobs.pool_status', []],
  ['POST', '/serve/status', 'serve.status', []],
  ['GET', '/storage/ls', 'storage_ls', []],
  ['GET', '/volumes', 'volume_list', []],
  ['POST', '/cluster_events', 'cluster_events', []],
  ['POST', '/recipes/list', 'recipes.list', []],
  ['GET', '/all_contexts', 'all_contexts', []],
  ['POST', '/slurm_cluster_names', 'slurm_cluster_names', []],
  ['POST', '/slurm_gpu_availability', 'realtime_slurm_gpu_availability', []],
  ['POST', '/slurm_node_info', 'slurm_node_info', []],
  ['GET', '/slurm_node_info', 'slurm_node_info', []],
];

/** Route, the verb of its request, and what is not there. */
const REFUSED: readonly (readonly [string, string, string])[] = [
  ['/jobs/launch', 'jobs.launch', 'managed jobs'],
  ['/jobs/cancel', 'jobs.cancel', 'managed jobs'],
  ['/jobs/wait', 'jobs.wait', 'managed jobs'],
  ['/jobs/download_logs', 'jobs.download_logs', 'managed jobs'],
  ['/jobs/pool_apply', 'jobs.pool_apply', 'pools of managed jobs'],
  ['/jobs/pool_down', 'jobs.pool_down', 'pools of managed jobs'],
  ['/jobs/pool_sync-down-logs', 'jobs.pool_sync_down_logs', 'pools of managed jobs'],
  ['/serve/up', 'serve.up', 'services'],
  ['/serve/update', 'serve.update', 'services'],
  ['/serve/down', 'serve.down', 'services'],
  ['/serve/terminate-replica', 'serve.terminate_replica', 'services'],
  ['/serve/sync-down-logs', 'serve.sync_down_logs', 'services'],
  ['/storage/delete', 'storage_delete', 'buckets'],
  ['/volumes/apply', 'volume_apply', 'volumes'],
  ['/volumes/delete', 'volume_delete', 'volumes'],
  ['/local_up', 'local_up', 'Kubernetes clusters'],
  ['/local_down', 'local_down', 'Kubernetes clusters'],
  ['/kubernetes_label_gpus', 'kubernetes_label_gpus', 'Kubernetes clusters'],
  ['/ssh_node_pools/deploy', 'ssh_node_pools.up', 'pools that clients make'],
  ['/ssh_node_pools/down', 'ssh_node_pools.down', 'pools that clients make'],
  ['/ssh_node_pools/:pool/deploy', 'ssh_node_pools.up', 'pools that clients make'],
  ['/ssh_node_pools/:pool/down', 'ssh_node_pools.down', 'pools that clients make'],
  ['/workspaces/update', 'workspaces.update', 'workspaces'],
  ['/workspaces/create', 'workspaces.create', 'workspaces'],
  ['/workspaces/delete', 'workspaces.delete', 'workspaces'],
  ['/recipes/create', 'recipes.create', 'recipes'],
  ['/recipes/get', 'recipes.get', 'recipes'],
];

/** As above; these answer with a stream of lines. */
const REFUSED_STREAMS: readonly (readonly [string, string, string])[] = [
  ['/jobs/logs', 'jobs.logs', 'managed jobs'],
  ['/jobs/pool_logs', 'jobs.pool_logs', 'pools of managed jobs'],
  ['/serve/logs', 'serve.logs', 'services'],
  ['/provision_logs', 'provision_logs', 'logs of provisioning beside those of a request'],
  ['/hook_logs', 'hook_logs', 'hooks'],
];

/** Calls that are answered at once, and would change who may do what. */
const REFUSED_AT_ONCE = [
  '/users/create',
  '/users/update',
  '/users/delete',
  '/users/service-account-tokens',
  '/ssh_node_pools',
  '/ssh_node_pools/keys',
  '/volumes/validate',
] as const;

export function unbuiltRoutes(scope: FastifyInstance, context: SkypilotContext): void {
  for (const [method, url, verb, value] of EMPTY) {
    scope.route({
      method,
      url,
      handler: async (request, reply) => {
        await answerLater(context, reply, askedOf(context, request, verb), () => ({ value }));
      },
    });
  }
  for (const [url, verb, what] of REFUSED) {
    scope.post(url, async (request, reply) => {
      await answerLater(context, reply, askedOf(context, request, verb), () => {
        throw notBuilt(what);
      });
    });
  }
  for (const [url, verb, what] of REFUSED_STREAMS) {
    scope.post(url, async (request, reply) => {
      const asked = askedOf(context, request, verb);
      const call = context.calls.start(asked, () => Promise.reject(notBuilt(what)));
      sayRequest(reply, call.id);
      await sendLines(context, reply, nothing());
    });
  }
  for (const url of REFUSED_AT_ONCE)
    scope.post(url, async () => {
      throw notBuilt('these changes');
    });
}

async function* nothing(): AsyncIterable<Uint8Array> {}
