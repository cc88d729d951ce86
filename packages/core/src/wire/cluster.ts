/** `/v1/clusters` and the jobs of a cluster. */
import { z } from 'zod';
import { CLUSTER_NAME_RULE, CLUSTER_STATUSES, isClusterName } from '../cluster.ts';
import { JOB_STATUSES } from '../job.ts';
import { flag, reason, userRef } from './fields.ts';
import { autostopSpec, resourcesChoice, taskSpec } from './task.ts';

export const clusterName = z.string().refine(isClusterName, CLUSTER_NAME_RULE);
export const clusterStatus = z.enum(CLUSTER_STATUSES);
export const jobStatus = z.enum(JOB_STATUSES);
export const optimizeTarget = z.enum(['cost', 'time']);

export const launchBody = z
  .strictObject({
    task: taskSpec.describe('What is prepared and run.'),
    cluster: clusterName.nullish().describe('Null: a name is made.'),
    retryUntilUp: z
      .boolean()
      .default(false)
      .describe('When no nodes can be had: wait for them instead of failing.'),
    autostop: autostopSpec.nullish().describe('Null: what is set stays.'),
    down: z
      .boolean()
      .default(false)
      .describe('Tear down when all jobs have ended, or after the idle time of `autostop`.'),
    dryrun: z.boolean().default(false).describe('End with the plan; nothing is made.'),
    optimize: optimizeTarget.default('cost').describe('What the choice of nodes looks at first.'),
    noSetup: z.boolean().default(false).describe('Leave out the setup of the task.'),
    fast: z
      .boolean()
      .default(false)
      .describe('On a cluster that is UP: neither nodes nor setup are looked at.'),
  })
  .meta({
    examples: [
      {
        cluster: 'dev',
        task: { setup: 'pip install -r requirements.txt', run: 'python train.py', numNodes: 1 },
      },
    ],
  });
export type LaunchBody = z.output<typeof launchBody>;
export type LaunchBodyInput = z.input<typeof launchBody>;

export const execBody = z
  .strictObject({
    task: taskSpec.describe('What is run; its files and setup are left out.'),
    dryrun: z.boolean().default(false).describe('End with the check; nothing is run.'),
    down: z.boolean().default(false).describe('Tear the cluster down when its jobs have ended.'),
  })
  .meta({ examples: [{ task: { run: 'nvidia-smi' } }] });
export type ExecBody = z.output<typeof execBody>;
export type ExecBodyInput = z.input<typeof execBody>;

export const startBody = z.strictObject({
  autostop: autostopSpec.nullish().describe('Set with it; null: what is set stays.'),
  retryUntilUp: z.boolean().default(false).describe('Wait for its nodes instead of failing.'),
  force: z.boolean().default(false).describe('Recorded with its last use.'),
});
export type StartBody = z.output<typeof startBody>;
export type StartBodyInput = z.input<typeof startBody>;

export const endBody = z.strictObject({
  purge: z
    .boolean()
    .default(false)
    .describe('Take it off the books also when what it holds cannot be reached.'),
});
export type EndBody = z.output<typeof endBody>;

/** Null cancels. */
export const autostopBody = z
  .strictObject({
    autostop: autostopSpec.nullable().describe('When it acts; null cancels it.'),
  })
  .meta({ examples: [{ autostop: { idleMinutes: 30, down: false } }] });

export const nodeView = z.object({
  rank: z.int(),
  workerId: z.string().nullable(),
  address: z.string().nullable().describe('Where other nodes reach it.'),
  machine: z.string().nullable(),
  status: z.string(),
  gpus: z.int(),
});

export const clusterView = z.object({
  id: z.string(),
  name: z.string(),
  project: z.string(),
  status: clusterStatus,
  reason: reason.nullable(),
  since: z.iso.datetime(),
  user: userRef,
  infra: z.string().nullable(),
  region: z.string().nullable(),
  zone: z.string().nullable(),
  instanceType: z.string().nullable(),
  spot: z.boolean(),
  resources: z.string().describe('In words: `2x pool/default (2 CPU, 4 GiB)`.'),
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
  autostopAt: z.iso.datetime().nullable().describe('When autostop will act if nothing happens until then.'),
  labels: z.record(z.string(), z.string()),
  ports: z.array(z.string()),
  launchedAt: z.iso.datetime(),
  lastUse: z.string().describe('The last command that changed it.'),
  everUp: z.boolean(),
  rev: z.int(),
});
export type ClusterView = z.output<typeof clusterView>;
export const clusterList = z.object({ items: z.array(clusterView) });

export const clusterListQuery = z.strictObject({
  name: z
    .union([z.string().max(200), z.array(z.string().max(200)).max(1000)])
    .optional()
    .describe('Only these; repeatable.'),
  refresh: z.enum(['none', 'auto', 'force']).default('none').describe('`force` asks the infra now.'),
  allUsers: flag.default(true).describe('Those of others too.'),
});

export const clusterJobView = z.object({
  id: z.string(),
  jobId: z.int().nullable().describe('The number that people see; null for one that only prepares.'),
  name: z.string().nullable(),
  cluster: z.string(),
  user: userRef,
  status: jobStatus,
  reason: reason.nullable(),
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
  skipFinished: flag.default(false).describe('Leave out those that have ended.'),
  allUsers: flag.default(true).describe('Those of others too.'),
});
/** No ids and not `all`: the newest of the caller's jobs that has not ended. */
export const jobCancelBody = z
  .strictObject({
    jobIds: z.array(z.int()).max(100_000).nullish().describe('Numbers of jobs.'),
    all: z.boolean().default(false).describe('All of the caller that have not ended.'),
    allUsers: z.boolean().default(false).describe('All of everybody that have not ended.'),
  })
  .meta({ examples: [{ jobIds: [3] }] });
export type JobCancelBody = z.input<typeof jobCancelBody>;
export const jobsCancelled = z.object({ jobIds: z.array(z.int()) });
export const jobLogQuery = z.strictObject({
  follow: flag.default(true).describe('Go on until the job has ended.'),
  tail: z.coerce
    .number<string>()
    .int()
    .min(0)
    .max(10_000_000)
    .default(0)
    .describe('So many lines from the end; 0: all.'),
});

export const planBody = z
  .strictObject({
    resources: resourcesChoice.nullish().describe('What has to fit.'),
    numNodes: z.int().min(1).max(1000).default(1).describe('How many nodes.'),
    optimize: optimizeTarget.default('cost').describe('What the choice looks at first.'),
  })
  .meta({ examples: [{ numNodes: 1, resources: { choices: [{ cpus: { amount: 4, atLeast: true } }] } }] });
export const planView = z.object({
  table: z.string().describe('The table of what was considered, as text.'),
  feasible: z.boolean(),
  whyNot: z.array(z.string()).describe('Why nothing fits, one line for each kind that was asked for.'),
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
  user: userRef,
  resources: z.string(),
  numNodes: z.int(),
  launchedAt: z.iso.datetime(),
  durationS: z.number().describe('Seconds for which nodes were held.'),
  pricePerHour: z.number(),
  cost: z.number(),
});
export type CostView = z.output<typeof costView>;
export const costReport = z.object({ items: z.array(costView), total: z.number() });
export const costQuery = z.strictObject({
  days: z.coerce
    .number<string>()
    .int()
    .min(0)
    .max(3650)
    .default(30)
    .describe('Clusters that ended longer ago are left out.'),
});
