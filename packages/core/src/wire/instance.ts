/** `/v1/instances`: what a client sends and gets. */
import { z } from 'zod';
import { INSTANCE_STATUSES, WORKER_LOST_POLICIES } from '../instance.ts';
import {
  absolutePath,
  command,
  cpu,
  env,
  gpuCount,
  gpuIndices,
  LIMITS,
  labels,
  mebibytes,
  name,
  uuid,
} from './fields.ts';

export const resourceRequest = z.strictObject({
  cpu: cpu.default(1),
  memoryMiB: mebibytes.default(512),
  diskMiB: mebibytes.default(0),
  gpus: gpuCount.default(0),
});

const workerLostPolicy = z.enum(WORKER_LOST_POLICIES);

/** The body of `POST /v1/instances`. */
export const instanceSubmit = z
  .strictObject({
    command,
    name: name.nullish(),
    resources: resourceRequest.prefault({}),
    /** Exact physical indices; needs `targetWorker`; overrides `resources.gpus` by its length. */
    gpuIndices: gpuIndices.nullish(),
    /** false: the GPUs are shared; the instance neither blocks others nor is blocked. */
    exclusive: z.boolean().default(true),
    targetWorker: uuid.nullish(),
    labels: labels.default({}),
    env: env.default({}),
    venv: absolutePath.nullish(),
    /** Working directory; default: a folder of the instance's own. */
    workdir: absolutePath.nullish(),
    /** Higher goes first; equal ones go by age. */
    priority: z.int().min(-1_000_000, 'at least -1000000').max(1_000_000, 'at most 1000000').default(0),
    /** Time between SIGTERM and SIGKILL when it is cancelled. */
    graceMs: z.int().min(0, 'not negative').max(86_400_000, 'at most one day').default(30_000),
    /** The log keeps its newest bytes up to this size. */
    logCapMiB: z.int().min(1, 'at least 1').max(1_048_576, 'at most 1048576').default(256),
    /**
     * What happens when its worker is not heard of any more. wait: it is UNKNOWN until the worker returns or a person
     * decides. replace: a new attempt elsewhere. stop: the worker itself stops it, by its own clock.
     */
    onWorkerLost: workerLostPolicy.default('wait'),
    /**
     * Silence after which `replace` and `stop` act; default 60000. A replacement never comes before the worker is
     * OFFLINE.
     */
    lostAfterMs: z.int().min(1_000, 'at least 1000').max(2_592_000_000, 'at most 30 days').nullish(),
  })
  .refine((body) => body.lostAfterMs == null || body.onWorkerLost !== 'wait', {
    path: ['lostAfterMs'],
    message: 'needs onWorkerLost "replace" or "stop": to wait has no end',
  })
  .refine((body) => body.onWorkerLost !== 'replace' || body.targetWorker == null, {
    path: ['onWorkerLost'],
    message: '"replace" runs it on another worker, and targetWorker allows only one: leave out one of them',
  })
  .refine((body) => body.gpuIndices == null || body.targetWorker != null, {
    path: ['gpuIndices'],
    message: 'needs targetWorker: an index means something on one worker only',
  });
export type InstanceSubmit = z.output<typeof instanceSubmit>;
export type InstanceSubmitInput = z.input<typeof instanceSubmit>;

const stamp = z.iso.datetime();

/** Why something waits or how it ended. `code` is stable, `message` is for people. */
export const reason = z.object({ code: z.string(), message: z.string() });
export type Reason = z.output<typeof reason>;

export const instanceView = z.object({
  id: z.string(),
  name: z.string().nullable(),
  project: z.string(),
  status: z.enum(INSTANCE_STATUSES),
  /** As status, but CANCELLING while a cancel is under way. */
  displayStatus: z.enum([...INSTANCE_STATUSES, 'CANCELLING']),
  reason: reason.nullable(),
  /** Since when the status is what it is. */
  since: stamp,
  attempt: z.int(),
  command: z.union([z.string(), z.array(z.string())]),
  resources: z.object({ cpu: z.number(), memoryMiB: z.int(), diskMiB: z.int(), gpus: z.int() }),
  /** The allocated indices while resources are held, else null. */
  gpuIndices: z.array(z.int()).nullable(),
  requestedGpuIndices: z.array(z.int()).nullable(),
  exclusive: z.boolean(),
  targetWorker: z.string().nullable(),
  labels: z.record(z.string(), z.string()),
  env: z.record(z.string(), z.string()),
  venv: z.string().nullable(),
  workdir: z.string().nullable(),
  priority: z.int(),
  graceMs: z.int(),
  logCapMiB: z.int(),
  onWorkerLost: workerLostPolicy,
  /** Null with `wait`. */
  lostAfterMs: z.int().nullable(),
  workerId: z.string().nullable(),
  /** "host:port" while it runs, else null. */
  endpoint: z.string().nullable(),
  port: z.int().nullable(),
  pid: z.int().nullable(),
  exitCode: z.int().nullable(),
  signal: z.string().nullable(),
  log: z.object({ available: z.int(), size: z.int(), archived: z.boolean() }).nullable(),
  createdAt: stamp,
  assignedAt: stamp.nullable(),
  startedAt: stamp.nullable(),
  endedAt: stamp.nullable(),
  cancelRequestedAt: stamp.nullable(),
  submittedBy: z.string(),
  /** Revision of this state; `wait` and the event stream speak of the same number. */
  rev: z.int(),
});
export type InstanceView = z.output<typeof instanceView>;

/** What a long poll can wait for. `running` is also met by any end. */
export const waitFor = z.enum(['running', 'final']);
export type WaitFor = z.output<typeof waitFor>;

const count = (max: number) =>
  z.coerce.number<string>().int('a whole number').min(0, 'not negative').max(max, `at most ${max}`);

export const instanceGetQuery = z.strictObject({
  wait: waitFor.optional(),
  /** Milliseconds; the reply carries the state of then, met or not. */
  timeoutMs: count(LIMITS.waitMs).default(30_000),
});

const oneOrMore = <T extends z.ZodType>(item: T) => z.union([item, z.array(item)]);

export const instanceListQuery = z.strictObject({
  /** Repeatable. Only statuses that are not final: answered from memory; else from the store. */
  status: oneOrMore(z.enum(INSTANCE_STATUSES)).optional(),
  /** `key=value`, repeatable; all must match. */
  label: oneOrMore(
    z
      .string()
      .regex(/^[^=]+=/, 'key=value')
      .max(320, 'at most 320 characters'),
  ).optional(),
  name: z.string().max(128, 'at most 128 characters').optional(),
  worker: uuid.optional(),
  cursor: z
    .string()
    .regex(/^\d{1,16}$/, 'a cursor from an earlier page')
    .optional(),
  limit: count(LIMITS.pageSize)
    .refine((value) => value >= 1, 'at least 1')
    .default(100),
});
export type InstanceListQuery = z.output<typeof instanceListQuery>;

export const instancePage = z.object({ items: z.array(instanceView), nextCursor: z.string().nullable() });
export type InstancePage = z.output<typeof instancePage>;

export const instanceCancelBody = z.strictObject({
  /** Overrides the instance's own grace period, this once. */
  graceMs: z.int().min(0, 'not negative').max(86_400_000, 'at most one day').optional(),
});

export const deleteAllQuery = z.strictObject({
  status: z.enum(INSTANCE_STATUSES).optional(),
});
export const deletedCount = z.object({ deleted: z.int() });

export const logQuery = z.strictObject({
  /** First byte wanted. Lower than what is kept: reading starts at the oldest kept byte. */
  offset: count(Number.MAX_SAFE_INTEGER).optional(),
  limit: count(LIMITS.logReadBytes).optional(),
  /** Instead of offset: only the last so many bytes. */
  tail: count(Number.MAX_SAFE_INTEGER).optional(),
  follow: z.enum(['true', 'false']).default('false'),
  attempt: count(1_000_000).optional(),
});
export type LogQuery = z.output<typeof logQuery>;

export const explanation = z.object({
  id: z.string(),
  status: z.string(),
  reason: reason.nullable(),
  since: stamp,
  /** How many go before it. Null unless it is PENDING. */
  position: z.int().nullable(),
  /** True when no worker that is known now could ever hold it, even when empty. */
  neverFits: z.boolean(),
  workers: z.array(
    z.object({
      workerId: z.string(),
      host: z.string(),
      status: z.string(),
      fitsNow: z.boolean(),
      fitsEmpty: z.boolean(),
      /** Each constraint that fails now: what is needed, what is free, what the worker has in all. */
      failing: z.array(
        z.object({
          constraint: z.string(),
          needed: z.union([z.number(), z.string()]),
          free: z.union([z.number(), z.string()]),
          total: z.union([z.number(), z.string()]),
          message: z.string(),
        }),
      ),
    }),
  ),
  nextStep: z.string(),
});
export type Explanation = z.output<typeof explanation>;
export type Failing = Explanation['workers'][number]['failing'][number];
