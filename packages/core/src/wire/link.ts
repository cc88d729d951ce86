/**
 * The control link between a worker and its head: JSON text frames on one WebSocket that the worker opens
 * (`GET /v1/link`). Both sides check every message. A message is an envelope with the fences, and frames in order.
 *
 * Facts travel whole: a report says all that is known of one `(instance, attempt)`, so saying it twice does no harm
 * and a lost one is mended by the next inventory.
 */
import { z } from 'zod';
import { uuid } from './fields.ts';
import { sha256 } from './task.ts';
import { offer } from './worker.ts';

/**
 * The newest protocol spoken here, and the oldest. The hello names what the worker speaks, the welcome the highest that
 * both do. 2 adds numbered messages, `settled`, and `stopAfterMs` in orders.
 */
export const LINK_PROTOCOL = 2;
export const OLDEST_LINK_PROTOCOL = 1;
/** The largest control message, either way. Bulk bytes travel on streams of their own. */
export const LINK_MESSAGE_BYTES = 16 * 1024 * 1024;
/** A log of at most this size rides in the report of its end. */
export const INLINE_LOG_BYTES = 16 * 1024;
/** WebSocket close codes (private range). */
export const LINK_CLOSE = {
  protocol: 4400,
  unauthenticated: 4401,
  identityInUse: 4409,
  deleted: 4410,
  revoked: 4411,
  stopping: 4503,
} as const;

const attemptRef = { instance: uuid, attempt: z.int().min(1) };

/** How an attempt ended, as its shim and the worker saw it. */
export const exitFact = z.object({
  /** Null when the end is known but not the code (the supervisor itself was killed). */
  code: z.int().nullable(),
  signal: z.string().max(20).nullable(),
  /** Null for an ordinary end by itself. Codes: see docs/reasons.md. */
  reason: z.object({ code: z.string().max(60), message: z.string().max(2000) }).nullable(),
  atMs: z.number(),
  /** True when the worker had sent a stop signal before the command ended. */
  stopped: z.boolean(),
});
export type ExitFact = z.output<typeof exitFact>;

/**
 * PREPARING: accepted, not started. RUNNING: the process exists. EXITED: the command has ended and something of it
 * still holds resources. RELEASED: nothing is left but the record and the log.
 */
export const attemptPhase = z.enum(['PREPARING', 'RUNNING', 'EXITED', 'RELEASED']);
export type AttemptPhase = z.output<typeof attemptPhase>;

/** All that the worker knows of one attempt. */
export const attemptFact = z.object({
  ...attemptRef,
  phase: attemptPhase,
  stopping: z.boolean(),
  pid: z.int().nullable(),
  port: z.int().nullable(),
  startedAtMs: z.number().nullable(),
  exit: exitFact.nullable(),
  log: z.object({ available: z.number(), size: z.number() }),
  /** The whole log in base64 when the phase is RELEASED and it is small; else null. */
  inlineLog: z.string().nullable(),
});
export type AttemptFact = z.output<typeof attemptFact>;

export const workerFrame = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('hello'),
    /** The newest that the worker speaks, and the oldest; 1 named only one. */
    protocol: z.int(),
    oldest: z.int().optional(),
    /** New at each start of the worker process: two processes with one identity are told apart by it. */
    session: uuid,
    bootId: z.string().max(64),
    offer,
    /** Hash of the inventory, see `inventoryDigest`. */
    digest: z.number(),
    wallMs: z.number(),
  }),
  z.object({ type: z.literal('inventory'), items: z.array(attemptFact).max(100_000) }),
  z.object({ type: z.literal('report'), items: z.array(attemptFact).max(10_000) }),
  /** `answered`: the `sentMs` of the newest pong that has come; what the head sent before that pong has come too. */
  z.object({
    type: z.literal('ping'),
    sentMs: z.number(),
    answered: z.number().nullish(),
    /** Frames of a head that the worker has refused because of their fences. */
    refused: z.int().min(0).optional(),
  }),
  /** A stream that was asked for will not come: the log is not here (any more). */
  z.object({ type: z.literal('noLog'), ticket: z.string().max(100) }),
]);
export type WorkerFrame = z.output<typeof workerFrame>;
/** Messages of a link are numbered from 1, each way: one that comes twice is dropped, a gap ends the link. */
const messageNumber = z.int().min(1).optional();

export const workerMessage = z.object({
  n: messageNumber,
  /** Null until the worker has met a head. */
  herd: uuid.nullable(),
  /** The highest epoch of that herd that the worker has seen. */
  epoch: z.int().min(0),
  /** The highest revision of that herd's state that the worker has seen. */
  rev: z.int().min(0).optional(),
  frames: z.array(workerFrame).min(1).max(10_000),
});
export type WorkerMessage = z.output<typeof workerMessage>;

/** All that a worker needs to run one attempt. */
export const startOrder = z.object({
  ...attemptRef,
  name: z.string().nullable(),
  command: z.union([z.string(), z.array(z.string()).min(1)]),
  env: z.record(z.string(), z.string()),
  venv: z.string().nullable(),
  workdir: z.string().nullable(),
  /** Allocated indices, empty when no GPU was asked for. */
  gpuIndices: z.array(z.int()),
  cpu: z.number(),
  /** Enforced where the worker can; 0 means no limit. */
  memoryMiB: z.int(),
  graceMs: z.int(),
  logCapBytes: z.int(),
  /** Its worker stops it when no head has answered for so long; null: never. Not in protocol 1. */
  stopAfterMs: z.int().nullish(),
  /** The node home in which it runs: a folder of the worker that outlives instances, made when missing. */
  home: z
    .string()
    .regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/)
    .nullish(),
  /** Trees that are laid out in the home before the command begins. `target`: `~/x`, relative to the home, or absolute. */
  files: z.array(z.object({ tree: sha256, target: z.string() })).nullish(),
  /** Variables that Drover itself sets: they win over `env`, and may begin with DROVER_. */
  context: z.record(z.string(), z.string()).nullish(),
  /** No command: the home is removed, with what was linked to it, and the attempt ends with 0. */
  removeHome: z.boolean().nullish(),
  /** The call that asked for it, for the worker's log. */
  requestId: z.string().max(100).nullish(),
  /** W3C trace context of that call: becomes TRACEPARENT where the user has set none. */
  traceparent: z
    .string()
    .regex(/^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/)
    .nullish(),
});
export type StartOrder = z.output<typeof startOrder>;

export const headFrame = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('welcome'),
    /** What is spoken on this link; absent in protocol 1. */
    protocol: z.int().optional(),
    workerId: uuid,
    pingMs: z.int(),
    leaseMs: z.int(),
    sendInventory: z.boolean(),
  }),
  z.object({ type: z.literal('start'), order: startOrder }),
  z.object({ type: z.literal('stop'), ...attemptRef, graceMs: z.int() }),
  /** Everything that the worker has told is judged, and what follows from it has been said: it may act on orders again. */
  z.object({ type: z.literal('settled') }),
  /** The end and the log are durable at the head: the record may go. */
  z.object({ type: z.literal('forget'), ...attemptRef }),
  /** The head does not know this attempt. It is kept and shown; nothing is stopped. */
  z.object({ type: z.literal('unknown'), ...attemptRef }),
  z.object({ type: z.literal('pong'), sentMs: z.number() }),
  /** Dial a stream: send bytes of this log to `PUT /v1/link/streams/{ticket}`. */
  z.object({
    type: z.literal('sendLog'),
    ...attemptRef,
    ticket: z.string(),
    /** Negative: so many bytes from the end. */
    offset: z.number(),
    /** Null: to the end of the log. */
    limit: z.number().nullable(),
    follow: z.boolean(),
  }),
]);
export type HeadFrame = z.output<typeof headFrame>;
export const headMessage = z.object({
  n: messageNumber,
  herd: uuid,
  epoch: z.int().min(1),
  rev: z.int().min(0),
  frames: z.array(headFrame).min(1),
});
export type HeadMessage = z.output<typeof headMessage>;

/** The line that stands for one attempt in the inventory's digest. */
export const digestLine = (fact: Pick<AttemptFact, 'instance' | 'attempt' | 'phase'>): string =>
  `${fact.instance} ${fact.attempt} ${fact.phase}`;
