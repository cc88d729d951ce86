/** `/v1/requests`: durable waits for what a call has asked for. */
import { z } from 'zod';
import { ERROR_CATALOGUE } from '../errors.ts';
import { REQUEST_STATUSES } from '../request.ts';
import { LIMITS } from './fields.ts';

/** An error as it is kept and sent: {@link DroverError} is made of it again wherever it is read. */
export const errorFact = z.object({
  code: z.string(),
  message: z.string(),
  details: z.record(z.string(), z.unknown()),
});
export type ErrorFact = z.output<typeof errorFact>;

export const requestView = z.object({
  id: z.string(),
  /** The verb: launch, exec, start, stop, down, status ... */
  name: z.string(),
  status: z.enum(REQUEST_STATUSES),
  /** Why it is as it is, when it has not ended. */
  reason: z.object({ code: z.string(), message: z.string() }).nullable(),
  cluster: z.string().nullable(),
  jobId: z.int().nullable(),
  user: z.object({ id: z.string(), name: z.string() }),
  project: z.string(),
  createdAt: z.iso.datetime(),
  startedAt: z.iso.datetime().nullable(),
  finishedAt: z.iso.datetime().nullable(),
  /** What the verb gives when it has succeeded; its shape is the verb's. */
  result: z.unknown(),
  error: errorFact.nullable(),
  rev: z.int(),
});
export type RequestView = z.output<typeof requestView>;
export const requestPage = z.object({ items: z.array(requestView), nextCursor: z.string().nullable() });
export type RequestPage = z.output<typeof requestPage>;

const flag = z.enum(['true', 'false']).transform((text) => text === 'true');

export const requestListQuery = z.strictObject({
  /** Finished ones too. */
  all: flag.default(false),
  allUsers: flag.default(true),
  cluster: z.string().max(200).optional(),
  cursor: z
    .string()
    .regex(/^\d{1,15}$/, 'a cursor of an earlier page')
    .optional(),
  limit: z.coerce.number<string>().int().min(1).max(LIMITS.pageSize).default(100),
});
export type RequestListQuery = z.output<typeof requestListQuery>;

export const requestGetQuery = z.strictObject({
  /** Holds the reply until it has ended. */
  wait: flag.default(false),
  timeoutMs: z.coerce.number<string>().int().min(0).max(LIMITS.waitMs).default(30_000),
});

export const requestLogQuery = z.strictObject({
  follow: flag.default(true),
  /** So many lines from the end; 0: all. */
  tail: z.coerce.number<string>().int().min(0).max(1_000_000).default(0),
});

/** Nothing named and not `all`: refused. */
export const requestCancelBody = z.strictObject({
  ids: z.array(z.string().min(1).max(100)).max(1000).nullish(),
  all: z.boolean().default(false),
  allUsers: z.boolean().default(false),
});
export type RequestCancelBody = z.input<typeof requestCancelBody>;
export const requestsCancelled = z.object({ ids: z.array(z.string()) });

/** A short call that has been made, kept as a request that has ended. */
export const requestRecordBody = z.strictObject({
  /** The verb: status, queue, autostop ... */
  name: z.string().regex(/^[a-z][a-z_]{0,63}$/, 'a verb in small letters, with _ between words'),
  cluster: z.string().max(200).nullish(),
  /** What it gave; nothing beside an error. */
  result: z.unknown().optional(),
  error: errorFact
    .refine(({ code }) => Object.hasOwn(ERROR_CATALOGUE, code), 'a code of the catalogue of errors')
    .nullish(),
});
export type RequestRecordBody = z.input<typeof requestRecordBody>;
