/** `/v1/workers`, `/v1/join-tokens` and the exchange of a join token for an identity. */
import { z } from 'zod';
import { WORKER_STATUSES } from '../worker.ts';
import { cpu, gpuCount, mebibytes, name, reason, uuid } from './fields.ts';

export const resources = z.object({
  cpu,
  memoryMiB: mebibytes,
  diskMiB: mebibytes,
  gpus: gpuCount,
  ports: z.int().min(0).max(60_000),
});

export const gpu = z.object({
  index: z.int().min(0).max(1023),
  model: z.string().max(200).nullable(),
  memoryMiB: z.int().min(0).nullable(),
  computeCapability: z.string().max(20).nullable(),
  uuid: z.string().max(100).nullable(),
});

/** How the worker supervises: which shim it has and what that costs, and which cgroups it may use. */
export const supervision = z.object({
  shim: z.enum(['sh', 'native']),
  cgroup: z.enum(['v2', 'v1', 'none']),
  memoryEnforced: z.boolean().describe('True when a memory limit really ends what exceeds it.'),
  notes: z.array(z.string().max(300)).max(20),
});
export type Supervision = z.output<typeof supervision>;

/** What a worker says of itself when it connects. `schedulable` is `physical` times the overcommit factors. */
export const offer = z.object({
  host: z.string().min(1).max(255),
  hostname: z.string().max(255),
  physical: resources,
  schedulable: resources,
  gpus: z.array(gpu).max(1024),
  supervision,
  version: z.string().max(50),
  homes: z
    .boolean()
    .optional()
    .describe('It keeps homes for the nodes of clusters, and lays out files there.'),
});
export type Offer = z.output<typeof offer>;

export const workerStatus = z.enum(WORKER_STATUSES);

export const workerView = z.object({
  id: z.string(),
  name: z.string().nullable(),
  project: z.string(),
  place: z.string().describe('The infra that it belongs to: `pool/default`, `local`, `ssh/lab`.'),
  machine: z
    .string()
    .nullable()
    .describe('The machine that was made for it; null for one that joined by hand.'),
  host: z.string(),
  hostname: z.string(),
  status: workerStatus,
  reason: reason.nullable(),
  since: z.iso.datetime(),
  total: resources,
  available: resources,
  physical: resources,
  gpus: z.array(gpu),
  gpuIndicesAvailable: z.array(z.int()),
  supervision,
  version: z.string(),
  instances: z.int(),
  unknownInstances: z
    .array(z.object({ instance: z.string(), attempt: z.int() }))
    .describe(
      'Attempts found on the worker that this head does not know. They are kept and shown, never killed.',
    ),
  lastSeenAt: z.iso.datetime().nullable(),
  refusedFrames: z
    .int()
    .describe(
      'Messages of an older or another head, or that came twice, which it has refused since it started.',
    ),
  clockSkewMs: z
    .int()
    .nullable()
    .describe("Worker's wall clock minus the head's at the handshake, in milliseconds."),
  createdAt: z.iso.datetime(),
});
export type WorkerView = z.output<typeof workerView>;

export const workerPage = z.object({ items: z.array(workerView), nextCursor: z.string().nullable() });
export type WorkerPage = z.output<typeof workerPage>;

export const workerListQuery = z.strictObject({
  status: workerStatus.optional().describe('Only those of this status.'),
});
export const workersDeleteQuery = z.strictObject({
  status: z
    .literal('OFFLINE', 'must be OFFLINE: only these can be deleted')
    .describe('Has to be given: it is what makes a call about all of them deliberate.'),
});
export const workerGetQuery = z.strictObject({
  wait: workerStatus.optional().describe('Hold the reply until it has this status.'),
  timeoutMs: z.coerce
    .number<string>()
    .int()
    .min(0)
    .max(60_000)
    .default(30_000)
    .describe('Milliseconds for which the reply is held at most.'),
});

/** The name of a pool; its workers are the infra `pool/<name>`. */
export const poolName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
    'at most 63 letters, digits and . _ -, the first a letter or digit',
  );

export const joinTokenCreate = z
  .strictObject({
    ttlS: z
      .int()
      .min(1, 'at least 1')
      .max(7 * 86_400, 'at most 7 days')
      .default(3600)
      .describe('Seconds until it expires.'),
    uses: z
      .int()
      .min(1, 'at least 1')
      .max(100_000, 'at most 100000')
      .default(1)
      .describe('How many workers may join with it.'),
    pool: poolName.default('default').describe('The pool that its workers belong to.'),
  })
  .meta({ examples: [{ ttlS: 3600, uses: 1 }] });
export type JoinTokenCreate = z.output<typeof joinTokenCreate>;
export type JoinTokenCreateInput = z.input<typeof joinTokenCreate>;

export const joinTokenView = z.object({
  id: z.string(),
  pool: z.string(),
  uses: z.int(),
  used: z.int(),
  expiresAt: z.iso.datetime(),
  createdAt: z.iso.datetime(),
});
export type JoinTokenView = z.output<typeof joinTokenView>;
/** The only reply that carries the token itself. */
export const joinTokenCreated = joinTokenView.extend({ token: z.string() });
export type JoinTokenCreated = z.output<typeof joinTokenCreated>;
export const joinTokenPage = z.object({ items: z.array(joinTokenView) });

/** `POST /v1/join`, authorised by a join token. */
export const joinBody = z.strictObject({
  name: name.nullish(),
  workerId: uuid.describe('Chosen by the worker, so that a join whose answer was lost can be repeated.'),
  /** The one that it had: a worker whose identity has expired joins again as itself. */
  identity: z.string().max(300).nullish(),
});
export type JoinBody = z.output<typeof joinBody>;
/** How long an identity is good, and after how long its worker asks for the next; seconds since it came. */
const identityLife = { ttlS: z.number(), renewAfterS: z.number() };
export const joinReply = z.object({
  workerId: z.string(),
  token: z.string(),
  herd: z.string(),
  ...identityLife,
});
export type JoinReply = z.output<typeof joinReply>;
/** `POST /v1/link/identity`: the next identity of the worker that asks. */
export const identityReply = z.object({ token: z.string(), ...identityLife });
export type IdentityReply = z.output<typeof identityReply>;
