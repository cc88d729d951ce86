/**
 * A task on the wire: what is to be prepared and run, on how many nodes of which kind. Local paths do not travel: files
 * are sent first, and a task names the trees that hold them.
 */
import { z } from 'zod';
import { env, LIMITS, labels, name, noNul, shellText } from './fields.ts';

/** SHA-256 of content or of a tree's manifest, in lower-case hex. */
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 in lower-case hex');

/** `2` is exactly so much, `2+` at least so much. */
const amount = z.strictObject({ amount: z.number().positive().max(1_000_000), atLeast: z.boolean() });

const word = z.string().min(1, 'not empty').max(255, 'at most 255 characters');

export const autostopSpec = z.strictObject({
  /** Minutes without a job after which it acts; 0: as soon as the last has ended. */
  idleMinutes: z
    .number()
    .min(0, 'not negative')
    .max(60 * 24 * 365),
  down: z.boolean().default(false),
  /** jobs: only jobs count as use. none: a timer that nothing resets. */
  waitFor: z.enum(['jobs_and_ssh', 'jobs', 'none']).default('jobs'),
});
export type AutostopSpec = z.output<typeof autostopSpec>;

/** One kind of node that would do. Null: nothing is asked. */
export const resourcesSpec = z.strictObject({
  /** `pool/<name>`, `local`, `ssh/<pool>`, `fake/<name>`, or only the kind before the slash: any of that kind. */
  infra: word.nullable().default(null),
  region: word.nullable().default(null),
  zone: word.nullable().default(null),
  instanceType: word.nullable().default(null),
  cpus: amount.nullable().default(null),
  memoryGiB: amount.nullable().default(null),
  /** A GPU model as people write it (`H100`), and how many per node. */
  accelerators: z
    .strictObject({ name: word, count: z.number().positive().max(1024) })
    .nullable()
    .default(null),
  useSpot: z.boolean().default(false),
  diskSizeGiB: z.int().positive().nullable().default(null),
  diskTier: z.enum(['low', 'medium', 'high', 'ultra', 'best', 'none']).nullable().default(null),
  networkTier: z.enum(['standard', 'best']).nullable().default(null),
  /** `8080` or `8000-8010`. */
  ports: z.array(word).max(100).default([]),
  labels: labels.default({}),
  imageId: z
    .union([word, z.record(word, word)])
    .nullable()
    .default(null),
  autostop: autostopSpec.nullable().default(null),
  priority: z.int().min(-1000).max(1000).nullable().default(null),
  /** Kept as given for the issue of managed jobs, which reads it. */
  jobRecovery: z
    .strictObject({
      strategy: word.nullable().default(null),
      maxRestartsOnErrors: z.int().min(0).default(0),
      recoverOnExitCodes: z.array(z.int().min(0).max(255)).default([]),
    })
    .nullable()
    .default(null),
});
export type ResourcesSpec = z.output<typeof resourcesSpec>;
export type ResourcesSpecInput = z.input<typeof resourcesSpec>;

/** any_of: the best of them by cost or time. ordered: the first that can be had. */
export const resourcesChoice = z.strictObject({
  mode: z.enum(['any_of', 'ordered']).default('any_of'),
  choices: z.array(resourcesSpec).min(1).max(100),
});
export type ResourcesChoice = z.output<typeof resourcesChoice>;

export const taskSpec = z.strictObject({
  name: name.nullable().default(null),
  setup: shellText.nullable().default(null),
  /** One command for all nodes, or one for each rank; null: nothing runs there. */
  run: z
    .union([shellText, z.array(shellText.nullable()).min(1).max(1000)])
    .nullable()
    .default(null),
  envs: env.default({}),
  /** As envs, but never shown, stored in logs or returned. */
  secrets: env.default({}),
  /** The tree that is laid out at `~/workdir`, where setup and run begin. */
  workdir: sha256.nullable().default(null),
  fileMounts: z
    .array(
      z.strictObject({
        target: z.string().min(1).max(LIMITS.pathLength).refine(noNul, 'no NUL'),
        tree: sha256,
      }),
    )
    .max(1000)
    .default([]),
  /** Places and how many GB are there or go there. Kept for people: nothing here charges for transfers. */
  inputs: z.record(word, z.number().min(0)).optional(),
  outputs: z.record(word, z.number().min(0)).optional(),
  /** No machine that one of these describes is chosen. */
  blockedResources: z.array(resourcesSpec).max(100).optional(),
  numNodes: z.int().min(1, 'at least 1').max(1000, 'at most 1000').default(1),
  resources: resourcesChoice.nullable().default(null),
});
export type TaskSpec = z.output<typeof taskSpec>;
export type TaskSpecInput = z.input<typeof taskSpec>;
