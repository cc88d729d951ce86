/** `/v1/clusters` and the jobs of a cluster. */
import { z } from 'zod';
import { CLUSTER_NAME_RULE, CLUSTER_STATUSES, isClusterName } from '../cluster.ts';
import { JOB_STATUSES } from '../job.ts';
import { autostopSpec, resourcesChoice, taskSpec } from './task.ts';

export const clusterName = z.string().refine(isClusterName, CLUSTER_NAME_RULE);
const flag = z.enum(['true', 'false']).transform((text) => text === 'true');
const reason = z.object({ code: z.string(), message: z.string() }).nullable();
const user = z.object({ id: z.string(), name: z.string() });
export const optimizeTarget = z.enum(['cost', 'time']);

export const launchBody = z.strictObject({
  task: taskSpec,
  /** Null: a name is made. */
  cluster: clusterName.nullish(),
  retryUntilUp: z.boolean().default(false),
  /** Null: what is set stays. */
  autostop: autostopSpec.nullish(),
  /** Tear down when all jobs have ended, or after the idle time of `autostop`. */
  down: z.boolean().default(false),
  dryrun: z.boolean().default(false),
  optimize: optimizeTarget.default('cost'),
  noSetup: z.boolean().default(false),
  /** On a cluster that is UP: neither nodes nor setup are looked at. */
  fast: z.boolean().default(false),
});
export type LaunchBody = z.output<typeof launchBody>;
export type LaunchBodyInput = z.input<typeof launchBody>;

export const execBody = z.strictObject({
  task: taskSpec,
  dryrun: z.boolean().default(false),
  down: z.boolean().default(false),
});
export type ExecBody = z.output<typeof execBody>;
export type ExecBodyInput = z.input<typeof execBody>;

export const startBody = z.strictObject({
  autostop: autostopSpec.nullish(),
  retryUntilUp: z.boolean().default(false),
  force: z.boolean().default(false),
});
export type StartBody = z.output<typeof startBody>;
export type StartBodyInput = z.input<typeof startBody>;

export const endBody = z.strictObject({
  /** Take it off the books also when what it holds cannot be reached. */
  purge: z.boolean().default(false),
});
export type EndBody = z.output<typeof endBody>;

/** Null cancels. */
export const autostopBody = z.strictObject({ autostop: autostopSpec.nullable() });

export const nodeView = z.object({
  rank: z.int(),
  workerId: z.string().nullable(),
  /** Where other nodes reach it. */
  address: z.string().nullable(),
  machine: z.string().nullable(),
  status: z.string(),
  gpus: z.int(),
});

export const clusterView = z.object({
  id: z.string(),
  name: z.string(),
  project: z.string(),
  status: z.enum(CLUSTER_STATUSES),
  reason,
  since: z.iso.datetime(),
  user,
  infra: z.string().nullable(),
  region: z.string().nullable(),
  zone: z.string().nullable(),
  instanceType: z.string().nullable(),
  spot: z.boolean(),
  /** In words: `2x pool/default (2 CPU, 4 GiB)`. */
  resources: z.string(),
  perNode: z
    .object({
      cpus: z.number(),
      memoryMiB: z.int(),
      gpus: z.number(),
      accelerator: z.string().nullable(),
    })
    .nullable(),
  pricePerHour: z.number(),
  numNodes: z.int(),
  nodes: z.array(nodeView),
  autostop: autostopSpec.nullable(),
  /** When autostop will act if nothing happens until then. */
  autostopAt: z.iso.datetime().nullable(),
  labels: z.record(z.string(), z.string()),
  ports: z.array(z.string()),
  launchedAt: z.iso.datetime(),
  /** The last command that changed it. */
  lastUse: z.string(),
  everUp: z.boolean(),
  rev: z.int(),
});
export type ClusterView = z.output<typeof clusterView>;
export const clusterList = z.object({ items: z.array(clusterView) });

export const clusterListQuery = z.strictObject({
  name: z.union([z.string().max(200), z.array(z.string().max(200)).max(1000)]).optional(),
  refresh: z.enum(['none', 'auto', 'force']).default('none'),
  allUsers: flag.default(true),
});

export const clusterJobView = z.object({
  id: z.string(),
  /** The number that people see; null for one that only prepares. */
  jobId: z.int().nullable(),
  name: z.string().nullable(),
  cluster: z.string(),
  user,
  status: z.enum(JOB_STATUSES),
  reason,
  resources: z.string(),
  submittedAt: z.iso.datetime(),
  startedAt: z.iso.datetime().nullable(),
  endedAt: z.iso.datetime().nullable(),
  exitCode: z.int().nullable(),
  nodes: z.array(z.int()),
  taskId: z.string(),
  instances: z.array(z.string()),
});
export type ClusterJobView = z.output<typeof clusterJobView>;
export const clusterJobList = z.object({ items: z.array(clusterJobView) });

export const jobListQuery = z.strictObject({
  skipFinished: flag.default(false),
  allUsers: flag.default(true),
});
/** No ids and not `all`: the newest of the caller's jobs that has not ended. */
export const jobCancelBody = z.strictObject({
  jobIds: z.array(z.int()).max(100_000).nullish(),
  all: z.boolean().default(false),
  allUsers: z.boolean().default(false),
});
export type JobCancelBody = z.input<typeof jobCancelBody>;
export const jobsCancelled = z.object({ jobIds: z.array(z.int()) });
export const jobLogQuery = z.strictObject({
  follow: flag.default(true),
  tail: z.coerce.number<string>().int().min(0).max(10_000_000).default(0),
});

export const planBody = z.strictObject({
  resources: resourcesChoice.nullish(),
  numNodes: z.int().min(1).max(1000).default(1),
  optimize: optimizeTarget.default('cost'),
});
export const planView = z.object({
  /** The table of what was considered, as text. */
  table: z.string(),
  feasible: z.boolean(),
  /** Why nothing fits, one line for each kind that was asked for. */
  whyNot: z.array(z.string()),
  chosen: z
    .object({
      infra: z.string(),
      region: z.string().nullable(),
      zone: z.string().nullable(),
      type: z.string(),
      pricePerHour: z.number(),
    })
    .nullable(),
});
export type PlanView = z.output<typeof planView>;

export const costView = z.object({
  name: z.string(),
  status: z.string(),
  user,
  resources: z.string(),
  numNodes: z.int(),
  launchedAt: z.iso.datetime(),
  /** Seconds for which nodes were held. */
  durationS: z.number(),
  pricePerHour: z.number(),
  cost: z.number(),
});
export type CostView = z.output<typeof costView>;
export const costReport = z.object({ items: z.array(costView), total: z.number() });
export const costQuery = z.strictObject({
  days: z.coerce.number<string>().int().min(0).max(3650).default(30),
});
