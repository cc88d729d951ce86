/** `/v1/requests`: durable waits for what a call has asked for. */
import { z } from 'zod';
import { ERROR_CATALOGUE } from '../errors.ts';
import { REQUEST_STATUSES } from '../request.ts';
import { flag, LIMITS, reason, userRef } from './fields.ts';

/** An error as it is kept and sent: {@link DroverError} is made of it again wherever it is read. */
export const errorFact = z.object({
  code: z.string().describe('Of the catalogue of errors; stable.'),
  message: z.string().describe('For people.'),
  details: z.record(z.string(), z.unknown()).describe('Values of the message, for programs.'),
});
export type ErrorFact = z.output<typeof errorFact>;

export const requestStatus = z.enum(REQUEST_STATUSES);

export const requestView = z.object({
  id: z.string(),
  name: z.string().describe('The verb: launch, exec, start, stop, down, status ...'),
  status: requestStatus,
  reason: reason.nullable().describe('Why it is as it is, when it has not ended.'),
  cluster: z.string().nullable(),
  jobId: z.int().nullable(),
  user: userRef,
  project: z.string(),
  createdAt: z.iso.datetime(),
  startedAt: z.iso.datetime().nullable(),
  finishedAt: z.iso.datetime().nullable(),
  result: z.unknown().describe("What the verb gives when it has succeeded; its shape is the verb's."),
  error: errorFact.nullable(),
  rev: z.int(),
});
export type RequestView = z.output<typeof requestView>;
export const requestPage = z.object({ items: z.array(requestView), nextCursor: z.string().nullable() });
export type RequestPage = z.output<typeof requestPage>;

export const requestListQuery = z.strictObject({
  all: flag.default(false).describe('Finished ones too.'),
  allUsers: flag.default(true).describe('Those of others too.'),
  cluster: z.string().max(200).optional().describe('Only those about this cluster.'),
  cursor: z
    .string()
    .regex(/^\d{1,15}$/, 'a cursor of an earlier page')
    .optional()
    .describe('`nextCursor` of the page before.'),
  limit: z.coerce
    .number<string>()
    .int()
    .min(1)
    .max(LIMITS.pageSize)
    .default(100)
    .describe('Items on a page, at most.'),
});
export type RequestListQuery = z.output<typeof requestListQuery>;

export const requestGetQuery = z.strictObject({
  wait: flag.default(false).describe('Holds the reply until it has ended.'),
  timeoutMs: z.coerce
    .number<string>()
    .int()
    .min(0)
    .max(LIMITS.waitMs)
    .default(30_000)
    .describe('Milliseconds for which the reply is held at most.'),
});

export const requestLogQuery = z.strictObject({
  follow: flag.default(true).describe('Go on until the request has ended.'),
  tail: z.coerce
    .number<string>()
    .int()
    .min(0)
    .max(1_000_000)
    .default(0)
    .describe('So many lines from the end; 0: all.'),
});

/** Nothing named and not `all`: refused. */
export const requestCancelBody = z
  .strictObject({
    ids: z.array(z.string().min(1).max(100)).max(1000).nullish().describe('Ids, or beginnings of ids.'),
    all: z.boolean().default(false).describe('All of the caller that have not ended.'),
    allUsers: z.boolean().default(false).describe('All of everybody that have not ended.'),
  })
  .meta({ examples: [{ all: true }] });
export type RequestCancelBody = z.input<typeof requestCancelBody>;
export const requestsCancelled = z.object({ ids: z.array(z.string()) });

/** A short call that has been made, kept as a request that has ended. */
export const requestRecordBody = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z][a-z_]{0,63}$/, 'a verb in small letters, with _ between words')
      .describe('The verb: status, queue, autostop ...'),
    cluster: z.string().max(200).nullish().describe('The cluster that it was about.'),
    result: z.unknown().optional().describe('What it gave; nothing beside an error.'),
    error: errorFact
      .refine(({ code }) => Object.hasOwn(ERROR_CATALOGUE, code), 'a code of the catalogue of errors')
      .nullish()
      .describe('What it failed with, instead of a result.'),
  })
  .meta({ examples: [{ name: 'status', result: [] }] });
export type RequestRecordBody = z.input<typeof requestRecordBody>;
