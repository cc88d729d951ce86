/**
 * A task on the wire: what is to be prepared and run, on how many nodes of which kind. Local paths do not travel: files
 * are sent first, and a task names the trees that hold them.
 */
import { z } from 'zod';
import { env, LIMITS, labels, name, noNul, shellText } from './fields.ts';

/** SHA-256 of content or of a tree's manifest, in lower-case hex. */
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 in lower-case hex');

/** `2` is exactly so much, `2+` at least so much. */
const amount = z.strictObject({
  amount: z.number().positive().max(1_000_000).describe('How much.'),
  atLeast: z.boolean().describe('More would do as well.'),
});

const word = z.string().min(1, 'not empty').max(255, 'at most 255 characters');

export const autostopSpec = z.strictObject({
  idleMinutes: z
    .number()
    .min(0, 'not negative')
    .max(60 * 24 * 365)
    .describe('Minutes without a job after which it acts; 0: as soon as the last has ended.'),
  down: z.boolean().default(false).describe('Tear it down instead of stopping it.'),
  waitFor: z
    .enum(['jobs_and_ssh', 'jobs', 'none'])
    .default('jobs')
    .describe('jobs: only jobs count as use. none: a timer that nothing resets.'),
});
export type AutostopSpec = z.output<typeof autostopSpec>;

/** One kind of node that would do. Null: nothing is asked. */
export const resourcesSpec = z.strictObject({
  infra: word
    .nullable()
    .default(null)
    .describe(
      '`pool/<name>`, `local`, `ssh/<pool>`, `fake/<name>`, or only the kind before the slash: any of that kind.',
    ),
  region: word.nullable().default(null).describe('Only there.'),
  zone: word.nullable().default(null).describe('Only there.'),
  instanceType: word.nullable().default(null).describe('Only machines of this type.'),
  cpus: amount.nullable().default(null).describe('CPUs of a node.'),
  memoryGiB: amount.nullable().default(null).describe('Memory of a node, in GiB.'),
  accelerators: z
    .strictObject({
      name: word.describe('The model: `H100`.'),
      count: z.number().positive().max(1024).describe('How many per node.'),
    })
    .nullable()
    .default(null)
    .describe('A GPU model as people write it (`H100`), and how many per node.'),
  useSpot: z.boolean().default(false).describe('Machines that may be taken back, for less money.'),
  diskSizeGiB: z.int().positive().nullable().default(null).describe('Size of the disk of a node, in GiB.'),
  diskTier: z
    .enum(['low', 'medium', 'high', 'ultra', 'best', 'none'])
    .nullable()
    .default(null)
    .describe('How fast that disk is.'),
  networkTier: z.enum(['standard', 'best']).nullable().default(null).describe('How fast its network is.'),
  ports: z.array(word).max(100).default([]).describe('`8080` or `8000-8010`.'),
  labels: labels.default({}).describe('For machines that are made.'),
  imageId: z
    .union([word, z.record(word, word)])
    .nullable()
    .default(null)
    .describe('The image that a node runs in; by region, when it differs.'),
  autostop: autostopSpec.nullable().default(null).describe('Of the cluster that is made for it.'),
  priority: z
    .int()
    .min(-1000)
    .max(1000)
    .nullable()
    .default(null)
    .describe('Order in the queue of managed jobs.'),
  jobRecovery: z
    .strictObject({
      strategy: word.nullable().default(null).describe('What is done when its nodes are lost.'),
      maxRestartsOnErrors: z
        .int()
        .min(0)
        .default(0)
        .describe('How often it is run again after it has failed.'),
      recoverOnExitCodes: z
        .array(z.int().min(0).max(255))
        .default([])
        .describe('Exit codes after which it is always run again.'),
    })
    .nullable()
    .default(null)
    .describe('Kept as given, for managed jobs.'),
});
export type ResourcesSpec = z.output<typeof resourcesSpec>;
export type ResourcesSpecInput = z.input<typeof resourcesSpec>;

/** any_of: the best of them by cost or time. ordered: the first that can be had. */
export const resourcesChoice = z.strictObject({
  mode: z
    .enum(['any_of', 'ordered'])
    .default('any_of')
    .describe('any_of: the best of them by cost or time. ordered: the first that can be had.'),
  choices: z.array(resourcesSpec).min(1).max(100).describe('Each one kind of node that would do.'),
});
export type ResourcesChoice = z.output<typeof resourcesChoice>;

export const taskSpec = z.strictObject({
  name: name.nullable().default(null).describe('Of the job, for people.'),
  setup: shellText
    .nullable()
    .default(null)
    .describe('A script for the shell of each node, run once before the task.'),
  run: z
    .union([shellText, z.array(shellText.nullable()).min(1).max(1000)])
    .nullable()
    .default(null)
    .describe('One command for all nodes, or one for each rank; null: nothing runs there.'),
  envs: env.default({}).describe('Variables for setup and run.'),
  secrets: env.default({}).describe('As envs, but never shown, stored in logs or returned.'),
  workdir: sha256
    .nullable()
    .default(null)
    .describe('The tree that is laid out at `~/workdir`, where setup and run begin.'),
  fileMounts: z
    .array(
      z.strictObject({
        target: z
          .string()
          .min(1)
          .max(LIMITS.pathLength)
          .refine(noNul, 'no NUL')
          .describe('Where it is laid out: a path, or one under `~`.'),
        tree: sha256.describe('Id of the tree.'),
      }),
    )
    .max(1000)
    .default([])
    .describe('Trees that are laid out on each node before setup.'),
  inputs: z
    .record(word, z.number().min(0))
    .optional()
    .describe(
      'Places and how many GB are there or go there. Kept for people: nothing here charges for transfers.',
    ),
  outputs: z.record(word, z.number().min(0)).optional().describe('As `inputs`.'),
  blockedResources: z
    .array(resourcesSpec)
    .max(100)
    .optional()
    .describe('No machine that one of these describes is chosen.'),
  numNodes: z.int().min(1, 'at least 1').max(1000, 'at most 1000').default(1).describe('How many nodes.'),
  resources: resourcesChoice
    .nullable()
    .default(null)
    .describe('What each node must have; null: nothing is asked.'),
});
export type TaskSpec = z.output<typeof taskSpec>;
export type TaskSpecInput = z.input<typeof taskSpec>;
