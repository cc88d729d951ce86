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
  reason,
  uuid,
} from './fields.ts';

export const resourceRequest = z.strictObject({
  cpu: cpu.default(1).describe('CPUs; at most three decimals.'),
  memoryMiB: mebibytes
    .default(512)
    .describe('Memory, in MiB; more than that ends it where the worker can enforce it.'),
  diskMiB: mebibytes.default(0).describe('Disk, in MiB; held, not enforced.'),
  gpus: gpuCount.default(0).describe('Whole GPUs of one worker.'),
});

export const instanceStatus = z.enum(INSTANCE_STATUSES);
export const workerLostPolicy = z.enum(WORKER_LOST_POLICIES);

/** The body of `POST /v1/instances`. */
export const instanceSubmit = z
  .strictObject({
    command: command.describe('What to run: a string for a shell, or a list that is run as it is.'),
    name: name
      .nullish()
      .describe(
        'Unique among those that have not ended. 1 to 128 characters: Unicode letters and digits, inner spaces, and . _ : - (these four not first).',
      ),
    resources: resourceRequest.prefault({}).describe('What is held for it while it runs.'),
    gpuIndices: gpuIndices
      .nullish()
      .describe('Exact physical indices; needs `targetWorker`; overrides `resources.gpus` by its length.'),
    exclusive: z
      .boolean()
      .default(true)
      .describe('false: the GPUs are shared; the instance neither blocks others nor is blocked.'),
    targetWorker: uuid.nullish().describe('Id of the only worker on which it may run.'),
    labels: labels.default({}).describe('For people and filters; at most 64.'),
    env: env
      .default({})
      .describe(
        'Environment of the command, above what its worker gives. The prefix DROVER_ is reserved; at most 1024 variables and 1 MiB in all.',
      ),
    venv: absolutePath
      .nullish()
      .describe('A Python virtual environment on the worker, activated before the command.'),
    workdir: absolutePath.nullish().describe("Working directory; default: a folder of the instance's own."),
    priority: z
      .int()
      .min(-1_000_000, 'at least -1000000')
      .max(1_000_000, 'at most 1000000')
      .default(0)
      .describe('Higher goes first; equal ones go by age.'),
    graceMs: z
      .int()
      .min(0, 'not negative')
      .max(86_400_000, 'at most one day')
      .default(30_000)
      .describe('Time between SIGTERM and SIGKILL when it is cancelled.'),
    logCapMiB: z
      .int()
      .min(1, 'at least 1')
      .max(1_048_576, 'at most 1048576')
      .default(256)
      .describe('The log keeps its newest bytes up to this size.'),
    onWorkerLost: workerLostPolicy
      .default('wait')
      .describe(
        'What happens when its worker is not heard of any more. wait: it is UNKNOWN until the worker returns or a person decides. replace: a new attempt elsewhere. stop: the worker itself stops it, by its own clock.',
      ),
    lostAfterMs: z
      .int()
      .min(1_000, 'at least 1000')
      .max(2_592_000_000, 'at most 30 days')
      .nullish()
      .describe(
        'Silence after which `replace` and `stop` act; default 60000. A replacement never comes before the worker is OFFLINE.',
      ),
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
  })
  .meta({ examples: [{ command: 'echo hello' }] });
export type InstanceSubmit = z.output<typeof instanceSubmit>;
export type InstanceSubmitInput = z.input<typeof instanceSubmit>;

const stamp = z.iso.datetime();

export const instanceView = z.object({
  id: z.string(),
  name: z.string().nullable(),
  project: z.string(),
  status: instanceStatus,
  displayStatus: z
    .enum([...INSTANCE_STATUSES, 'CANCELLING'])
    .describe('As status, but CANCELLING while a cancel is under way.'),
  reason: reason.nullable(),
  since: stamp.describe('Since when the status is what it is.'),
  attempt: z.int(),
  command: z.union([z.string(), z.array(z.string())]),
  resources: z.object({ cpu: z.number(), memoryMiB: z.int(), diskMiB: z.int(), gpus: z.int() }),
  gpuIndices: z
    .array(z.int())
    .nullable()
    .describe('The allocated indices while resources are held, else null.'),
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
  lostAfterMs: z.int().nullable().describe('Null with `wait`.'),
  workerId: z.string().nullable(),
  endpoint: z.string().nullable().describe('"host:port" while it runs, else null.'),
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
  rev: z.int().describe('Revision of this state; `wait` and the event stream speak of the same number.'),
});
export type InstanceView = z.output<typeof instanceView>;

/** What a long poll can wait for. `running` is also met by any end. */
export const waitFor = z.enum(['running', 'final']);
export type WaitFor = z.output<typeof waitFor>;

const count = (max: number) =>
  z.coerce.number<string>().int('a whole number').min(0, 'not negative').max(max, `at most ${max}`);

export const instanceGetQuery = z.strictObject({
  wait: waitFor
    .optional()
    .describe('Hold the reply until it runs or has ended (`running`), or has ended (`final`).'),
  timeoutMs: count(LIMITS.waitMs)
    .default(30_000)
    .describe('Milliseconds; the reply carries the state of then, met or not.'),
});

const oneOrMore = <T extends z.ZodType>(item: T) => z.union([item, z.array(item)]);

export const instanceListQuery = z.strictObject({
  status: oneOrMore(instanceStatus)
    .optional()
    .describe('Repeatable. Only statuses that are not final: answered from memory; else from the store.'),
  label: oneOrMore(
    z
      .string()
      .regex(/^[^=]+=/, 'key=value')
      .max(320, 'at most 320 characters'),
  )
    .optional()
    .describe('`key=value`, repeatable; all must match.'),
  name: z.string().max(128, 'at most 128 characters').optional().describe('Exactly this name.'),
  worker: uuid.optional().describe('Id of the worker that it is on.'),
  cursor: z
    .string()
    .regex(/^\d{1,16}$/, 'a cursor from an earlier page')
    .optional()
    .describe('`nextCursor` of the page before.'),
  limit: count(LIMITS.pageSize).min(1, 'at least 1').default(100).describe('Items on a page, at most.'),
});
export type InstanceListQuery = z.output<typeof instanceListQuery>;

export const instancePage = z.object({ items: z.array(instanceView), nextCursor: z.string().nullable() });
export type InstancePage = z.output<typeof instancePage>;

export const instanceCancelBody = z.strictObject({
  graceMs: z
    .int()
    .min(0, 'not negative')
    .max(86_400_000, 'at most one day')
    .optional()
    .describe("Overrides the instance's own grace period, this once."),
});

export const deleteAllQuery = z.strictObject({
  status: instanceStatus.optional().describe('Only those of this status.'),
});
export const deletedCount = z.object({ deleted: z.int() });

export const logQuery = z.strictObject({
  offset: count(Number.MAX_SAFE_INTEGER)
    .optional()
    .describe('First byte wanted. Lower than what is kept: reading starts at the oldest kept byte.'),
  limit: count(LIMITS.logReadBytes).optional().describe('Bytes at most.'),
  tail: count(Number.MAX_SAFE_INTEGER).optional().describe('Instead of offset: only the last so many bytes.'),
  follow: z
    .enum(['true', 'false'])
    .default('false')
    .describe('Go on until the instance has ended and the last byte is out.'),
  attempt: count(1_000_000).optional().describe('Which attempt; left out: the newest.'),
});
export type LogQuery = z.output<typeof logQuery>;

export const explanation = z.object({
  id: z.string(),
  status: z.string(),
  reason: reason.nullable(),
  since: stamp,
  position: z.int().nullable().describe('How many go before it. Null unless it is PENDING.'),
  neverFits: z
    .boolean()
    .describe('True when no worker that is known now could ever hold it, even when empty.'),
  workers: z.array(
    z.object({
      workerId: z.string(),
      host: z.string(),
      status: z.string(),
      fitsNow: z.boolean(),
      fitsEmpty: z.boolean(),
      failing: z
        .array(
          z.object({
            constraint: z.string(),
            needed: z.union([z.number(), z.string()]),
            free: z.union([z.number(), z.string()]),
            total: z.union([z.number(), z.string()]),
            message: z.string(),
          }),
        )
        .describe(
          'Each constraint that fails now: what is needed, what is free, what the worker has in all.',
        ),
    }),
  ),
  nextStep: z.string(),
});
export type Explanation = z.output<typeof explanation>;
export type Failing = Explanation['workers'][number]['failing'][number];
